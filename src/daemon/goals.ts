// Where a unit is to be before an operator's word is answered. Waits for nothing.
import { isMoving, isUp, needsStop } from '../core/fleet.ts';
import type { Unit } from '../core/fleet.ts';
import type { Verb } from '../core/operate.ts';
import { publicState } from '../core/view.ts';
import type { Goal } from './operations.ts';

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
    case 'reset':
      return { name, want: wantAfter(before, after), afterActivation: -1, isThere: false };
  }
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
