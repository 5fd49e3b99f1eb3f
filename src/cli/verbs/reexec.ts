// unitd reexec: has the daemon replaced by the version on disk, and waits until that answers.
import { setTimeout as delay } from 'node:timers/promises';
import type { ReexecDocument, StatusDocument } from '../../wire/v1.ts';
import { clientOf } from '../client.ts';
import { printJson } from '../context.ts';
import type { Context } from '../context.ts';
import { durationOption } from '../duration-option.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Failure, Reply } from '../failure.ts';
import { armLong } from '../long-timer.ts';
import { failed } from '../report.ts';
import { given } from '../verb-spec.ts';

const ASK_AGAIN_MS = 20;

export async function runReexec(context: Context): Promise<ExitCode> {
  const timeout = durationOption(context.invocation, 'timeout');
  if (!timeout.ok) return failed(context, timeout.failure);
  const late = new AbortController();
  const timer = timeout.value === null ? null : armLong(timeout.value, () => late.abort());
  const reply = await replaced(context, late.signal);
  timer?.close();
  return reply.ok ? done(context, reply.value) : failed(context, reply.failure);
}

async function replaced(context: Context, late: AbortSignal): Promise<Reply<ReexecDocument>> {
  const client = clientOf(context.paths.socket);
  const before = await client.get<StatusDocument>('/v1/status', late);
  if (!before.ok) return late.aborted ? tooLate('the version on disk') : before;
  const begun = await client.ask<ReexecDocument>('/v1/reexec', {}, late);
  if (!begun.ok) return late.aborted ? tooLate('the version on disk') : begun;
  if (given(context.invocation, 'no-wait')) return begun;

  const { replacedAt, replaceFailure } = before.value.daemon;
  for (;;) {
    const now = await client.get<StatusDocument>('/v1/status', late);
    if (late.aborted) return tooLate(`version ${begun.value.newVersion}`);
    if (!now.ok) return { ok: false, failure: lost(now.failure) };
    const { daemon } = now.value;
    if (daemon.replacedAt !== replacedAt) {
      return { ok: true, value: { ...begun.value, pid: daemon.pid, newVersion: daemon.version } };
    }
    if (daemon.replaceFailure !== null && daemon.replaceFailure.at !== replaceFailure?.at) {
      return refused(daemon.replaceFailure.detail);
    }
    await delay(ASK_AGAIN_MS);
  }
}

function tooLate(version: string): Reply<never> {
  return refused(`cannot see ${version} take over: time is up, expected it to answer`);
}

function refused(message: string): Reply<never> {
  return { ok: false, failure: { exitCode: EXIT.failed, message, hints: [], details: null } };
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
