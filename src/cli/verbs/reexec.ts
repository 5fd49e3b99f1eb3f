// unitd reexec: has the daemon replaced by the version on disk, and waits until that answers.
import { setTimeout as delay } from 'node:timers/promises';
import type { ReexecDocument, StatusDocument } from '../../wire/v1.ts';
import { clientOf } from '../client.ts';
import { printJson } from '../context.ts';
import type { Context } from '../context.ts';
import { durationOption } from '../duration-option.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Failure } from '../failure.ts';
import { failed } from '../report.ts';
import { given } from '../verb-spec.ts';

const ASK_AGAIN_MS = 20;

export async function runReexec(context: Context): Promise<ExitCode> {
  const timeout = durationOption(context.invocation, 'timeout');
  if (!timeout.ok) return failed(context, timeout.failure);
  const client = clientOf(context.paths.socket);
  const before = await client.get<StatusDocument>('/v1/status');
  if (!before.ok) return failed(context, before.failure);
  const begun = await client.ask<ReexecDocument>('/v1/reexec', {});
  if (!begun.ok) return failed(context, begun.failure);
  if (given(context.invocation, 'no-wait')) return done(context, begun.value);

  const until = performance.now() + (timeout.value ?? Infinity);
  const { replacedAt, replaceFailure } = before.value.daemon;
  for (;;) {
    const now = await client.get<StatusDocument>('/v1/status');
    if (!now.ok) return failed(context, lost(now.failure));
    const { daemon } = now.value;
    if (daemon.replacedAt !== replacedAt) {
      return done(context, { ...begun.value, pid: daemon.pid, newVersion: daemon.version });
    }
    if (daemon.replaceFailure !== null && daemon.replaceFailure.at !== replaceFailure?.at) {
      return failed(context, refusal(daemon.replaceFailure.detail));
    }
    if (performance.now() >= until) {
      const { newVersion } = begun.value;
      const late = `cannot see version ${newVersion} take over: time is up, expected it to answer`;
      return failed(context, refusal(late));
    }
    await delay(ASK_AGAIN_MS);
  }
}

function refusal(message: string): Failure {
  return { exitCode: EXIT.failed, message, hints: [], details: null };
}

function done(context: Context, document: ReexecDocument): ExitCode {
  const { pid, oldVersion, newVersion } = document;
  if (context.json) printJson(context, document);
  else context.print(`pid ${pid}: version ${newVersion} in place of ${oldVersion}\n`);
  return EXIT.done;
}

/** The new version had been tried, and ended all the same. */
function lost(failure: Failure): Failure {
  return {
    ...failure,
    hints: ['the units run on; its log says why it ended', 'a daemon takes them back: unitd daemon --detach'],
  };
}
