// Since when a unit is in its state, as far as its document says. Prints nothing.
import type { UnitStatus } from '../wire/v1.ts';

/** Milliseconds since the epoch; null where nothing says it, as when a stop began, or that of a completed oneshot ended. */
export function inStateSince({ state, type, startedAt, lastExit }: UnitStatus): number | null {
  const wasUp = type === 'oneshot' && lastExit?.cause === 'exit' && lastExit.code === 0;
  if (state === 'stopping' || (wasUp && (state === 'stopped' || state === 'waiting'))) return null;
  const at = state === 'starting' || state === 'running' ? startedAt : (lastExit?.at ?? null);
  return at === null ? null : Date.parse(at);
}
