// unitd reload: applies what changed, and waits until the units that it moved are up or have failed.
import { clientOf } from '../client.ts';
import { complained, failed } from '../report.ts';
import type { Context } from '../context.ts';
import type { ExitCode } from '../exit-code.ts';
import { usageFailure } from '../failure.ts';
import { carryOut, reportOutcome, silence, waitingOf } from '../operation.ts';
import { planText } from '../plan-text.ts';
import { given, valueOf } from '../verb-spec.ts';
import { noteProblems, runPlan } from './plan.ts';

/** Options that a dry run has no use for. */
const NOT_IN_A_DRY_RUN = ['plan', 'timeout', 'no-wait'];

export async function runReload(context: Context): Promise<ExitCode> {
  const { invocation } = context;
  const plan = valueOf(invocation, 'plan');
  const partial = given(invocation, 'partial');
  if (given(invocation, 'dry-run')) {
    const other = NOT_IN_A_DRY_RUN.find((name) => invocation.options[name] !== undefined);
    if (other === undefined) return runPlan(context);
    const message = `cannot combine --dry-run with --${other}: a dry run applies no plan and waits for no unit, expected one of them`;
    return failed(context, usageFailure(message));
  }
  const waiting = waitingOf(context);
  if (!waiting.ok) return failed(context, waiting.failure);
  const { wait, timeoutMs } = waiting.value;
  const body = {
    wait,
    ...(partial ? { partial } : {}),
    ...(plan === undefined ? {} : { plan }),
  };
  const operation = { unit: null, path: '/v1/reload', body };
  const client = clientOf(context.paths.socket);
  const outcome = await carryOut(context, client, 'reload', [operation], timeoutMs);
  if (outcome.kind === 'interrupted') return reportOutcome(context, client, outcome);
  const { document } = outcome;
  if (document.plan !== null) {
    if (!context.json) context.print(planText(document.plan, context.out));
    noteProblems(context, document.problems);
  } else if (outcome.refused.length === 0 && !document.ok && timeoutMs !== null) {
    complained(context, silence('reload', [null], timeoutMs));
  }
  const see = `see: unitd plan${partial ? ' --partial' : ''}`;
  const refused = outcome.refused.map((failure) =>
    failure.details?.plan === undefined ? failure : { ...failure, hints: [see] },
  );
  return reportOutcome(context, client, { ...outcome, refused });
}
