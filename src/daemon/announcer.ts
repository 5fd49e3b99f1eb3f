// Tells what happens: subscribers as events, people as lines of the daemon's own log. Of an event that is told to both,
// subscribers hear first.
import { historyEntry, stateEvent } from './documents.ts';
import { logProblem } from './daemon-log.ts';
import type { DaemonLog } from './daemon-log.ts';
import type { EventHub } from './event-hub.ts';
import type { Look } from './look.ts';
import type { Applied } from './reload.ts';
import type { CaptureStats } from '../logs/capture-stats.ts';
import type { ExitRecord, State } from '../model/state.ts';
import type { Usage } from '../os/ports.ts';
import type { EventLine } from '../wire/v1.ts';

/** Those that are worth a line in the daemon's own log; the rest is for `unitd events`. */
const LOGGED_STATES: readonly State[] = ['running', 'stopping', 'stopped', 'backoff', 'completed', 'failed'];

export class Announcer {
  readonly #hub: EventHub;
  readonly #log: DaemonLog;

  constructor(hub: EventHub, log: DaemonLog) {
    this.#hub = hub;
    this.#log = log;
  }

  /** Of the daemon itself. */
  phase(phase: Extract<EventLine, { type: 'daemon' }>['phase']): void {
    this.#hub.publish({ type: 'daemon', phase });
  }

  looked(unit: string, from: Look | null, to: Look): void {
    this.#hub.publish(stateEvent(unit, from, to));
    const { state, reason, pid } = to;
    if (!LOGGED_STATES.includes(state)) return;
    // The main process has gone before the others: the line would be the same again.
    const isSaid = from?.pid === pid || (pid === null && from?.reason === reason);
    if (from?.state === state && isSaid) return;
    if (from === null && state === 'stopped') return;
    const level = state === 'failed' ? 'error' : state === 'backoff' ? 'warning' : 'info';
    this.#log.write(level, 'state', `${state}: ${reason}`, { unit, state, ...(pid === null ? {} : { pid }) });
  }

  exited(unit: string, exit: ExitRecord): void {
    this.#hub.publish({ type: 'exit', unit, exit: historyEntry(exit) });
  }

  removed(unit: string): void {
    this.#hub.publish({ type: 'removed', unit });
  }

  /** The samples of a thousand units would leave no room in what is kept for those who come back. */
  sampled(unit: string, { cpuPercent, memoryBytes, tasks, sources }: Usage): void {
    if (!this.#hub.isHeard) return;
    this.#hub.publish({ type: 'usage', unit, usage: { cpuPercent, memoryBytes, tasks }, source: sources });
  }

  /** Subscribers hear all that stands, the daemon's log what is new; null: nothing is wrong any more. */
  logging(unit: string, problem: string | null, stats: CaptureStats): void {
    // Of a unit that is forgotten there is nothing but the last word.
    const standing = stats.problem ?? problem;
    this.#hub.publish({ type: 'log', unit, problem: standing, droppedLines: stats.droppedLines });
    const message = problem ?? 'log can be written again';
    this.#log.write(problem === null ? 'info' : 'error', 'log', message, { unit });
  }

  applied({ plan, problems }: Applied, unitsDirectory: string): void {
    for (const problem of problems) logProblem(this.#log, problem);
    this.#hub.publish({ type: 'reload', plan: plan.id, moved: plan.units.length, problems: problems.length });
    const isEmpty = plan.units.length + plan.unchanged === 0;
    const told = isEmpty
      ? `no units, unit files go to "${unitsDirectory}"`
      : `${plan.units.length} moved, ${plan.unchanged} unchanged`;
    this.#log.write('info', 'reload', `applied plan ${plan.id}: ${told}`);
  }
}
