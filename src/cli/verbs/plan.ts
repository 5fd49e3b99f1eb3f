// unitd plan, and unitd reload --dry-run: what a reload would do.
import type { Problem } from '../../model/problem.ts';
import type { PlanDocument } from '../../wire/v1.ts';
import { clientOf } from '../client.ts';
import { printJson } from '../context.ts';
import { failed } from '../report.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { problemLines } from '../failure.ts';
import { planText } from '../plan-text.ts';
import { given } from '../verb-spec.ts';

export async function runPlan(context: Context): Promise<ExitCode> {
  const query = given(context.invocation, 'partial') ? '?partial=1' : '';
  const reply = await clientOf(context.paths.socket).get<PlanDocument>(`/v1/plan${query}`);
  if (!reply.ok) return failed(context, reply.failure);
  const { plan, problems } = reply.value;
  if (context.json) printJson(context, reply.value);
  else context.print(planText(plan, context.out));
  noteProblems(context, problems);
  return plan.units.length === 0 ? EXIT.done : EXIT.changes;
}

/** Warnings, and the errors of files that were left out. */
export function noteProblems(context: Context, problems: readonly Problem[]): void {
  if (problems.length === 0 || context.json) return;
  context.note(`${problemLines(problems).join('\n')}\n`);
}
