// Why a reload changes nothing, for those who asked for it.
import type { Plan } from '../model/plan.ts';
import type { Problem } from '../model/problem.ts';
import type { ProblemDetails } from '../wire/v1.ts';

export function invalid(problems: readonly Problem[]): ProblemDetails {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  return {
    type: 'tag:unitd,2026:invalid-unit-files',
    title: 'Invalid unit files',
    status: 422,
    detail: `cannot load the unit files: ${errors} ${errors === 1 ? 'error' : 'errors'}, expected none; nothing was changed`,
    problems,
  };
}

export function moved(asked: string, now: Plan): ProblemDetails {
  return {
    type: 'tag:unitd,2026:plan-moved',
    title: 'The world has moved',
    status: 409,
    detail: `cannot apply plan "${asked}": a reload would do something else now, expected plan "${now.id}"`,
    plan: now,
  };
}
