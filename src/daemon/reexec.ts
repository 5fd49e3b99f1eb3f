// A client's wish that the version on disk take over: it is tried, and if it can, this daemon's end is to be replaced by
// it. The trial itself, and the exec in the end, are elsewhere (trial.ts, handover.ts).
import { API_VERSION } from '../wire/v1.ts';
import type { ReexecDocument } from '../wire/v1.ts';
import type { Answer } from './control.ts';
import type { DaemonLog } from './daemon-log.ts';
import type { Ending } from './ending.ts';
import { notReplaced } from './refusals.ts';
import type { Trial } from './trial.ts';

export interface ReexecOptions {
  readonly version: string;
  readonly ending: Ending;
  readonly log: DaemonLog;
  /** Tries the version on disk. */
  readonly trial: () => Promise<Trial>;
  /** Why nobody could go on from what this daemon has written down. */
  readonly cannotLeave: () => string | null;
}

export function reexecutor({
  version,
  ending,
  log,
  trial,
  cannotLeave,
}: ReexecOptions): () => Promise<Answer<ReexecDocument>> {
  let isTrying = false;
  const refused = (reason: string): Answer<ReexecDocument> => {
    const refusal = notReplaced(version, reason);
    log.write('error', 'reexec', refusal.error.detail);
    return refusal;
  };
  return async () => {
    if (isTrying) return refused('it is being tried already');
    isTrying = true;
    const tried = await trial().finally(() => {
      isTrying = false;
    });
    if (!tried.ok) return refused(tried.reason);
    const obstacle = cannotLeave();
    if (obstacle !== null) return refused(obstacle);
    if (ending.first !== null) return refused('the daemon is ending');
    ending.replace(tried.version);
    const { pid } = process;
    const versions = { oldVersion: version, newVersion: tried.version };
    return { ok: true, value: { apiVersion: API_VERSION, verb: 'reexec', pid, ...versions } };
  };
}
