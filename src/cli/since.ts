// Since when a unit is in its state, as far as its document says. Prints nothing.
import type { UnitStatus } from '../wire/v1.ts';

/** Milliseconds since the epoch; null where nothing says it, as when a stop began. */
export function inStateSince({ state, startedAt, lastExit }: UnitStatus): number | null {
  if (state === 'stopping') return null;
  const at = state === 'starting' || state === 'running' ? startedAt : (lastExit?.at ?? null);
  return at === null ? null : Date.parse(at);
}
