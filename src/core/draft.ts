// What one step of a machine writes on, and the small marks it makes there: a phase, a spawn, a record.
// Pure, and without rules: machine and stopping decide.
import type { ExitRecord } from '../model/state.ts';
import type { Command, UnitSpec } from '../model/unit.ts';
import { HISTORY_LENGTH } from './machine-state.ts';
import type {
  CommandRole,
  Deadline,
  Helper,
  MachineEffect,
  MachineState,
  Phase,
  Run,
  StepFacts,
  Stopping,
} from './machine-state.ts';
import { FRESH_TALLY } from './restart.ts';
import type { Ending } from './restart.ts';

/** What one step writes on; it never leaves step(). */
export interface Draft {
  readonly spec: UnitSpec;
  readonly facts: StepFacts;
  readonly effects: MachineEffect[];
  state: MachineState;
}

export function enter(draft: Draft, phase: Phase): void {
  draft.state = { ...draft.state, phase };
}

export function clearTally(draft: Draft, counts: 'attempts' | 'all'): void {
  const restarts = counts === 'all' ? 0 : draft.state.tally.restarts;
  draft.state = { ...draft.state, tally: { ...FRESH_TALLY, restarts } };
}

export function bound(fromMs: number, lengthMs: number | null): Deadline {
  return lengthMs === null ? null : fromMs + lengthMs;
}

/** null: it never was up. */
export function uptime(draft: Draft, readyAt: number | null): number | null {
  return readyAt === null ? null : draft.facts.nowMs - readyAt;
}

export function ended(cause: Ending['cause'], text: string): Ending {
  return { cause, kind: 'unclean-code', code: null, signal: null, text };
}

export function record(draft: Draft, ending: Ending, of: Pick<Stopping, 'requested' | 'readyAt'>): void {
  const exit: ExitRecord = {
    code: ending.code,
    signal: ending.signal,
    cause: ending.cause,
    atWall: draft.facts.wallMs,
    uptimeMs: uptime(draft, of.readyAt) ?? 0,
    attempt: draft.state.tally.attempt,
    requested: of.requested,
    text: ending.text,
  };
  draft.state = { ...draft.state, history: [...draft.state.history, exit].slice(-HISTORY_LENGTH) };
  draft.effects.push({ type: 'record', exit });
}

export type Variables = Readonly<Record<string, string>>;

export function spawnRun(
  draft: Draft,
  role: 'main' | CommandRole,
  command: Command,
  variables: Variables,
): Run {
  const id = draft.state.runs + 1;
  draft.state = { ...draft.state, runs: id };
  draft.effects.push({ type: 'spawn', run: id, role, command, variables });
  return { id, process: null };
}

export function spawnHelper(
  draft: Draft,
  role: CommandRole,
  index: number,
  command: Command,
  variables: Variables,
): Helper {
  return { ...spawnRun(draft, role, command, variables), role, index };
}

export function mainPid(main: Run | null): Variables {
  return main?.process ? { MAINPID: String(main.process.pid) } : {};
}
