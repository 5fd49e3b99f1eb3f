// unitd start, stop, restart, release, reset: the same words for each, one request a unit.
import { UNIT_VERBS } from '../../wire/v1.ts';
import { clientOf } from '../client.ts';
import { failed } from '../report.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-code.ts';
import { carryOut, reportOutcome, waitingOf } from '../operation.ts';
import { unitPath } from '../unit-path.ts';

export async function runOperate(context: Context): Promise<ExitCode> {
  const verb = UNIT_VERBS.find((known) => known === context.invocation.verb);
  if (verb === undefined) throw new Error(`no operation "${context.invocation.verb}"`);
  const waiting = waitingOf(context);
  if (!waiting.ok) return failed(context, waiting.failure);
  const { wait, timeoutMs } = waiting.value;
  const operations = [...new Set(context.invocation.operands)].map((unit) => ({
    unit,
    path: unitPath(unit, verb),
    body: { wait },
  }));
  const client = clientOf(context.paths.socket);
  return reportOutcome(context, client, await carryOut(context, client, verb, operations, timeoutMs));
}
