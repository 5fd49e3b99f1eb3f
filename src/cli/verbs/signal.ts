// unitd signal: a signal to the processes of one unit.
import { clientOf } from '../client.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-code.ts';
import { carryOut, reportOutcome } from '../operation.ts';
import { unitPath } from '../unit-path.ts';
import { valueOf } from '../verb-spec.ts';

export async function runSignal(context: Context): Promise<ExitCode> {
  const [unit = '', signal = ''] = context.invocation.operands;
  const whom = valueOf(context.invocation, 'whom') ?? 'main';
  const operation = { unit, path: unitPath(unit, 'signal'), body: { signal, whom } };
  const client = clientOf(context.paths.socket);
  return reportOutcome(context, client, await carryOut(context, client, 'signal', [operation]));
}
