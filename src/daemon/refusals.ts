// What the daemon refuses, in the codes and sentences that clients get.
import type { Plan } from '../model/plan.ts';
import type { Problem } from '../model/problem.ts';
import type { ProblemDetails } from '../wire/v1.ts';
import type { Refusal } from './control.ts';

export function unknownUnit(name: string): Refusal {
  const detail = `cannot find unit "${name}": no unit file of that name is loaded, expected one of those in "unitd status"`;
  return refused('unknown-unit', { title: 'No such unit', status: 404, detail });
}

export function unknownOperation(id: string): Refusal {
  const detail = `cannot find operation "${id}": none of that id was handed over, or it was asked for already, expected one that is waited for`;
  return refused('unknown-operation', { title: 'No such operation', status: 410, detail });
}

/** The daemon is being replaced before the operation is over. */
export function handedOver(id: string): Refusal {
  const detail = `cannot answer yet: the daemon is being replaced, expected a look at "/v1/operations/${id}"`;
  return refused('handed-over', { title: 'Handed over', status: 303, detail });
}

/** `what`: a verb in the infinitive, with its object. */
export function stopping(what: string): Refusal {
  const detail = `cannot ${what}: the daemon is stopping, expected one that goes on running`;
  return refused('stopping', { title: 'The daemon is stopping', status: 409, detail });
}

export function invalidFiles(problems: readonly Problem[]): Refusal {
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const detail = `cannot load the unit files: ${errors} ${errors === 1 ? 'error' : 'errors'}, expected none; nothing was changed`;
  return refused('invalid-unit-files', { title: 'Invalid unit files', status: 422, detail, problems });
}

export function planMoved(asked: string, now: Plan): Refusal {
  const detail = `cannot apply plan "${asked}": a reload would do something else now, expected plan "${now.id}"`;
  return refused('plan-moved', { title: 'The world has moved', status: 409, detail, plan: now });
}

/** `status`: 400, the signal; 403, the system; 409, the unit is in the way. */
export function notSignalled(unit: string, why: string, status: 400 | 403 | 409): Refusal {
  return refused('signal', {
    title: 'Cannot signal',
    status,
    detail: `cannot signal unit "${unit}": ${why}`,
  });
}

export function notReplaced(version: string, reason: string): Refusal {
  const detail = `cannot replace daemon by the version on disk: ${reason}; version ${version} goes on`;
  return refused('reexec-refused', { title: 'Cannot replace the daemon', status: 409, detail });
}

function refused(code: string, details: Omit<ProblemDetails, 'type'>): Refusal {
  return { ok: false, error: { type: `tag:unitd,2026:${code}`, ...details } };
}
