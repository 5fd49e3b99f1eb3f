// Where units are to be before an operator's word, or a reload, is answered. Waits for nothing.
import { isMoving, isUp, needsStop } from '../core/fleet.ts';
import type { Fleet, Unit } from '../core/fleet.ts';
import type { Verb } from '../core/operate.ts';
import { publicState } from '../core/view.ts';
import type { Plan } from '../model/plan.ts';
import type { Goal } from './operations.ts';

export interface Moves {
  readonly goals: readonly Goal[];
  /** Moved units that were crash-looping or had failed before: what becomes of them fails no reload. */
  readonly excused: ReadonlySet<string>;
  /** Moved units that waited before: that they still do fails no reload. */
  readonly stranded: ReadonlySet<string>;
}

/** `before`: as the unit was before the word; `after`: once all that follows from it is decided. */
export function goalOf(verb: Verb, before: Unit, after: Unit | undefined): Goal {
  const { name } = before.spec;
  const { activation } = before.state;
  switch (verb) {
    case 'start': {
      const isThere = isUp(before) && before.verdict.down === null;
      const isOnItsWay = !isThere && !needsStop(before);
      return { name, want: 'up', afterActivation: isOnItsWay ? activation : activation - 1, isThere };
    }
    case 'restart':
      return { name, want: 'up', afterActivation: activation, isThere: false };
    case 'stop':
      return { name, want: 'down', afterActivation: 0, isThere: publicState(before) === 'stopped' };
    case 'release':
      return { name, want: wantAfter(before, after), afterActivation: -1, isThere: before.intent === null };
    case 'reset': {
      const want = wantAfter(before, after);
      return { name, want, afterActivation: -1, isThere: want === 'there' && hasNothingToForget(before) };
    }
  }
}

/** Of one that stops, the end that is coming may be a failure. */
function hasNothingToForget({ state: { phase, tally } }: Unit): boolean {
  const { restarts, attempt, stamps } = tally;
  return restarts + attempt + stamps.length === 0 && !['failed', 'backoff', 'stopping'].includes(phase.at);
}

/** Of a word that itself asks for neither up nor down: what it has set in motion. */
function wantAfter(before: Unit, after: Unit | undefined): Goal['want'] {
  if (after === undefined) return 'there';
  const { phase } = after.state;
  if (after.verdict.wanted === 'down') return needsStop(after) || phase.at === 'backoff' ? 'down' : 'there';
  const isMoved =
    before.verdict.wanted === 'down' ||
    before.state.phase !== phase ||
    isMoving(phase) ||
    after.verdict.pending;
  return isMoved ? 'up' : 'there';
}

/** Of a plan, before the fleet takes it in. */
export function movesOf(plan: Plan, fleet: Readonly<Fleet>): Moves {
  const excused = new Set<string>();
  const stranded = new Set<string>();
  const goals = plan.units.map((row): Goal => {
    const unit = fleet.units.get(row.name);
    const at = unit?.state.phase.at;
    if (at === 'backoff' || at === 'failed') excused.add(row.name);
    if (unit !== undefined && publicState(unit) === 'waiting') stranded.add(row.name);
    const want = row.action === 'stop' ? 'down' : row.action === 'update' ? 'there' : 'up';
    return { name: row.name, want, afterActivation: unit?.state.activation ?? 0, isThere: false };
  });
  return { goals, excused, stranded };
}
