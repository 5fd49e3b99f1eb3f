// How a unit looks from outside at one moment, as far as subscribers are told of it. Pure reading.
import { isUp } from '../core/fleet.ts';
import type { Unit } from '../core/fleet.ts';
import { publicState, reasonOf } from '../core/view.ts';
import type { State, Wanted } from '../model/state.ts';

export interface Look {
  readonly state: State;
  readonly ready: boolean;
  readonly wanted: Wanted;
  readonly reason: string;
  readonly pid: number | null;
}

export function lookOf(unit: Unit): Look {
  return {
    state: publicState(unit),
    ready: isUp(unit),
    wanted: unit.verdict.wanted,
    reason: reasonOf(unit),
    pid: mainPid(unit),
  };
}

/** Of the main process; null while there is none. */
export function mainPid(unit: Unit): number | null {
  const { phase } = unit.state;
  return 'main' in phase ? (phase.main?.process?.pid ?? null) : null;
}

export function isSameLook(a: Look, b: Look): boolean {
  return (
    a.state === b.state &&
    a.ready === b.ready &&
    a.wanted === b.wanted &&
    a.reason === b.reason &&
    a.pid === b.pid
  );
}
