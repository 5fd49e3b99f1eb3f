// What a reload of a set would do, by a name that both files and actions are in: a plan that is applied by its name is
// the one that was shown, or is refused.
import { createHash } from 'node:crypto';
import { effectiveUnit } from '../config/effective.ts';
import type { Fleet } from '../core/fleet.ts';
import { planning } from '../core/reconcile.ts';
import type { Decision, DraftPlan } from '../core/reconcile.ts';
import { atOnce } from '../core/steps.ts';
import type { Steps } from '../core/steps.ts';
import type { Plan } from '../model/plan.ts';
import type { UnitSet } from './unit-set.ts';

export interface Decided {
  readonly plan: Plan;
  readonly decision: Decision;
}

export function* deciding(set: UnitSet, fleet: Fleet): Steps<Decided> {
  const decision = yield* planning(set.specs, fleet, effectiveUnit);
  return { plan: yield* naming(set, decision.plan), decision };
}

/** Of a set that the fleet is made of already. */
export function emptyPlan(set: UnitSet): Plan {
  return atOnce(naming(set, { units: [], unchanged: set.specs.size }));
}

/** Names a plan by the files and the actions that they lead to: when either moves, so does the id. */
function* naming(set: UnitSet, draft: DraftPlan): Steps<Plan> {
  const hash = createHash('sha256');
  hash.update(yield* fingerprintOf(set));
  for (const row of draft.units) {
    yield;
    hash.update(JSON.stringify(row));
  }
  return { id: hash.digest('hex').slice(0, 12), ...draft };
}

const fingerprints = new WeakMap<UnitSet, string>();

/** Of all files of a set, whatever their order. */
export function* fingerprintOf(set: UnitSet): Steps<string> {
  const known = fingerprints.get(set);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for (const [name, content] of [...set.fingerprints].sort(([a], [b]) => (a < b ? -1 : 1))) {
    yield;
    hash.update(`${name} ${content}\n`);
  }
  const fingerprint = hash.digest('hex');
  fingerprints.set(set, fingerprint);
  return fingerprint;
}
