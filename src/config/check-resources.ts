// Whether what units ask of cgroup controllers can be had where they are to run. It looks at nothing itself: who loads
// the set knows what is lacking.
import type { Problem } from '../model/problem.ts';
import type { Controller, UnitSpec } from '../model/unit.ts';
import { RESOURCE_KEYS, RESOURCES } from '../model/unit.ts';
import type { Steps } from '../core/steps.ts';
import type { Places } from './check-set.ts';

/** null when the controller is there; else what keeps it away: `units are held by session`. */
export type Lacks = (controller: Controller) => string | null;

export const NO_CONTROLLER = 'no-controller';

export function* checkingResources(
  specs: readonly UnitSpec[],
  places: Places,
  lacks: Lacks,
): Steps<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const spec of specs) {
    yield;
    problems.push(...problemsOf(spec, places, lacks));
  }
  return problems;
}

function problemsOf(spec: UnitSpec, places: Places, lacks: Lacks): readonly Problem[] {
  return RESOURCE_KEYS.flatMap((key): Problem[] => {
    if (spec.resources[key] === null) return [];
    const { field: name, controller } = RESOURCES[key];
    const lack = lacks(controller);
    if (lack === null) return [];
    const field = `resources.${name}`;
    const place = places(spec.name, field);
    const expected = `expected the controller "${controller}" of cgroup v2`;
    return [
      {
        severity: 'error',
        unit: spec.name,
        file: place?.file ?? null,
        line: place?.line ?? null,
        column: place?.column ?? null,
        field,
        code: NO_CONTROLLER,
        message: `cannot load unit "${spec.name}": ${field} cannot be in force, since ${lack}, ${expected}`,
      },
    ];
  });
}
