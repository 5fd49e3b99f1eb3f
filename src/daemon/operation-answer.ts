// What an operation is answered: waits for the units that it moves, says how each of them fared, and whether that is
// good. Where the daemon is replaced meanwhile, it says where to ask again.
import type { Clock } from '../os/ports.ts';
import { API_VERSION } from '../wire/v1.ts';
import type { MovedUnit } from '../wire/v1.ts';
import type { OperationAnswer, Progress } from './control.ts';
import type { HandedOperations, Waited } from './handed-operations.ts';
import type { Operations } from './operations.ts';

interface Parts {
  readonly clock: Clock;
  readonly operations: Operations;
  readonly handed: HandedOperations;
}

export interface Patience {
  /** false: an answer from what was decided is enough. */
  readonly wait: boolean;
  readonly progress: Progress;
  readonly hangup: AbortSignal;
}

export async function answerOf(
  waited: Waited,
  { clock, operations, handed }: Parts,
  patience: Patience,
): Promise<OperationAnswer> {
  const { wait } = patience;
  const { verb, goals, plan, problems, deadlineMs } = waited;
  const timeoutMs = deadlineMs === null ? null : Math.max(0, deadlineMs - clock.monotonicMs());
  const moved = new Map(waited.moved.map((row) => [row.name, row]));
  const open = goals.filter(({ name }) => !moved.has(name));
  for (const row of await operations.wait(open, { ...patience, timeoutMs })) moved.set(row.name, row);
  const rows = goals.flatMap(({ name }) => moved.get(name) ?? []);
  if (wait && operations.isInterrupted && rows.some(({ outcome }) => outcome === 'pending')) {
    return handed.give({ ...waited, moved: rows.filter(({ outcome }) => outcome !== 'pending') });
  }
  return {
    ok: true,
    value: { apiVersion: API_VERSION, verb, ...judged(rows, waited, wait), plan, problems },
  };
}

/** A unit is excused if it was failing before, or waits as before. */
export function judged(
  rows: readonly MovedUnit[],
  { excused, stranded = [] }: Pick<Waited, 'excused' | 'stranded'>,
  wait: boolean,
): { readonly ok: boolean; readonly units: readonly MovedUnit[] } {
  const isGood = ({ outcome }: MovedUnit): boolean =>
    outcome !== 'failed' && (outcome !== 'pending' || !wait);
  const isExcused = ({ name, state }: MovedUnit): boolean =>
    excused.includes(name) || (state === 'waiting' && stranded.includes(name));
  const units = rows.map((row): MovedUnit =>
    isExcused(row) && !isGood(row) ? { ...row, outcome: 'excused' } : row,
  );
  return { ok: units.every(isGood), units };
}
