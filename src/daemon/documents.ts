// Renders what the daemon knows as the documents of the wire. Pure reading; everything comes in as an argument.
import { nearestMoment } from '../base/moment.ts';
import { isHeld, isUp } from '../core/fleet.ts';
import type { Fleet, Unit } from '../core/fleet.ts';
import type { Steps } from '../core/steps.ts';
import { publicState, reasonOf } from '../core/view.ts';
import { DEPENDENCY_FIELDS } from '../model/unit.ts';
import type { DependencyField } from '../model/unit.ts';
import type { FenceKind } from '../model/process.ts';
import type { ExitRecord } from '../model/state.ts';
import { API_VERSION } from '../wire/v1.ts';
import type {
  DependencyStatus,
  GraphDocument,
  GraphUnit,
  HistoryEntry,
  UnitStatus,
  UsageFigures,
} from '../wire/v1.ts';
import type { EventBody } from './event-hub.ts';
import { mainPid } from './look.ts';
import type { Look } from './look.ts';

/** Both clocks at one moment, to tell deadlines to people. */
export interface Now {
  readonly nowMs: number;
  readonly wallMs: number;
}

/** The end of a pause may be further away than any date. */
export function timestamp(wallMs: number): string {
  return new Date(nearestMoment(wallMs)).toISOString();
}

/** Of the processes of a unit, if it has any. */
export interface Held {
  readonly fence: FenceKind;
  readonly usage: UsageFigures | null;
  /** It is a oneshot that has completed, and something of it lives. */
  readonly isLeft: boolean;
}

export function unitStatus(
  fleet: Readonly<Fleet>,
  unit: Unit,
  now: Now,
  { fence, usage, isLeft }: Held,
): UnitStatus {
  const { spec, state, verdict } = unit;
  const { phase } = state;
  const last = state.history.at(-1);
  const isThere = phase.at === 'starting' || phase.at === 'running' || phase.at === 'stopping';
  return {
    name: spec.name,
    description: spec.description,
    type: spec.type,
    state: publicState(unit),
    stateSince: timestamp(unit.sinceWall ?? now.wallMs),
    ready: isUp(unit),
    wanted: verdict.wanted,
    held: isHeld(fleet, unit),
    reason: reasonOf(unit),
    pid: mainPid(unit),
    startedAt: isThere && state.startedWall !== null ? timestamp(state.startedWall) : null,
    restarts: state.tally.restarts,
    nextStartAt: phase.at === 'backoff' ? timestamp(now.wallMs + phase.deadline - now.nowMs) : null,
    lastExit:
      last === undefined
        ? null
        : { code: last.code, signal: last.signal, at: timestamp(last.atWall), cause: last.cause },
    usage: (isThere || isLeft) && usage !== null ? figuresIn(usage) : null,
    fence: (isThere || isLeft) && spec.type !== 'target' ? fence : null,
  };
}

/** Without what else a sample says. */
function figuresIn({ cpuPercent, memoryBytes, tasks }: UsageFigures): UsageFigures {
  return { cpuPercent, memoryBytes, tasks };
}

export function historyEntry(exit: ExitRecord): HistoryEntry {
  const { code, signal, cause, text, uptimeMs, attempt, requested } = exit;
  return {
    code,
    signal,
    at: timestamp(exit.atWall),
    cause,
    text,
    uptimeMs: Math.round(uptimeMs),
    attempt,
    requested,
  };
}

export function* graphing(fleet: Readonly<Fleet>): Steps<GraphDocument> {
  const units: GraphUnit[] = [];
  for (const unit of [...fleet.units.values()]) {
    yield;
    const dependencies: Partial<Record<DependencyField, readonly string[]>> = {};
    for (const field of DEPENDENCY_FIELDS) {
      if (unit.spec[field].length > 0) dependencies[field] = unit.spec[field];
    }
    const { name, type } = unit.spec;
    const reason = reasonOf(unit);
    units.push({ name, type, state: publicState(unit), ready: isUp(unit), reason, dependencies });
  }
  return { apiVersion: API_VERSION, units: byName(units) };
}

export function byName<T extends { readonly name: string }>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** What this unit's file names. */
export function dependenciesOf(fleet: Readonly<Fleet>, unit: Unit): readonly DependencyStatus[] {
  return DEPENDENCY_FIELDS.flatMap((field) =>
    unit.spec[field].flatMap((name) => dependencyStatus(fleet, field, name)),
  );
}

/** Whose files name this unit. */
export function dependentsOf(fleet: Readonly<Fleet>, unit: Unit): readonly DependencyStatus[] {
  return fleet.graph
    .namedBy(unit.spec.name)
    .flatMap(({ field, name }) => dependencyStatus(fleet, field, name));
}

function dependencyStatus(
  fleet: Readonly<Fleet>,
  field: DependencyField,
  name: string,
): readonly DependencyStatus[] {
  const other = fleet.units.get(name);
  if (other === undefined) return [];
  return [{ field, name, state: publicState(other), ready: isUp(other), reason: reasonOf(other) }];
}

export function stateEvent(unit: string, from: Look | null, to: Look): Extract<EventBody, { type: 'state' }> {
  const { state, ready, wanted, reason, pid } = to;
  return { type: 'state', unit, from: from?.state ?? null, to: state, ready, wanted, reason, pid };
}
