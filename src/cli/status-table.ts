// The table of `unitd status`. Units that need attention stand last, next to the summary and the prompt: of a long
// table the end is what a terminal still shows.
import { STATES } from '../model/state.ts';
import type { State } from '../model/state.ts';
import { shortSpan } from '../base/relative-time.ts';
import type { StatusDocument, UnitStatus } from '../wire/v1.ts';
import type { Paint } from './palette.ts';
import { shortBytes, shortPercent } from './quantities.ts';
import type { Screen } from './screen.ts';
import { isWell, statePaint, stateSymbol } from './state-look.ts';
import { tableText } from './table.ts';
import type { Column, Table } from './table.ts';
import { measureFor } from './text-width.ts';

/** The screen, line feeds included; empty where there are no units and nothing is wrong. */
export async function statusScreen(document: StatusDocument, screen: Screen, nowMs: number): Promise<string> {
  const { units, daemon } = document;
  const parts: string[] = [];
  if (units.length > 0) {
    const measure = await measureFor(units.map(noteOf));
    parts.push(tableText(tableOf(screen, nowMs), [...units].sort(byAttention), screen, measure));
  }
  if (daemon.degraded || daemon.problems.length > 0) {
    const { bannerLines } = await import('./degraded-banner.ts');
    parts.push(`${bannerLines(daemon, screen).join('\n')}\n`);
  }
  if (units.length > 0) parts.push(`${summary(units, screen)}\n`);
  return parts.join('\n');
}

/** `12 units: 10 up, 1 backoff, 1 failed`. */
export function summary(units: readonly UnitStatus[], screen: Screen): string {
  const { palette } = screen;
  const up = units.filter(({ ready }) => ready).length;
  const parts = up === 0 ? [] : [palette.green(`${up} up`)];
  for (const state of STATES) {
    const of = units.filter((unit) => unit.state === state && !unit.ready);
    const word = state === 'running' ? 'not ready' : state;
    if (of[0] !== undefined) parts.push(statePaint(of[0], palette)(`${of.length} ${word}`));
  }
  return `${palette.bold(units.length === 1 ? '1 unit' : `${units.length} units`)}: ${parts.join(', ')}`;
}

function tableOf(screen: Screen, nowMs: number): Table<UnitStatus> {
  const { palette } = screen;
  const stateColour = (unit: UnitStatus): Paint => statePaint(unit, palette);
  return {
    symbol: (unit) => stateColour(unit)(stateSymbol(unit, screen)),
    columns: [
      {
        title: 'UNIT',
        align: 'left',
        rank: null,
        text: ({ name }) => name,
        paint: ({ wanted, state }) => (wanted === 'down' && state === 'stopped' ? palette.dim : palette.bold),
      },
      { title: 'STATE', align: 'left', rank: null, text: stateWords, paint: stateColour },
      { title: 'SINCE', align: 'right', rank: 6, text: (unit) => sinceText(unit, nowMs) },
      {
        title: 'RESTARTS',
        align: 'right',
        rank: 5,
        text: ({ restarts }) => String(restarts),
        paint: ({ restarts }) => (restarts === 0 ? palette.dim : String),
      },
      { title: 'PID', align: 'right', rank: 2, text: ({ pid }) => (pid === null ? null : String(pid)) },
      usageColumn('CPU', 3, ({ cpuPercent }) => shortPercent(cpuPercent)),
      usageColumn('MEMORY', 4, ({ memoryBytes }) => shortBytes(memoryBytes)),
      usageColumn('TASKS', 1, ({ tasks }) => String(tasks)),
    ],
    note: {
      title: 'NOTE',
      text: noteOf,
      paint: (unit) =>
        needsNoAttention(unit) ? palette.dim : unit.state === 'failed' ? palette.red : String,
      lines: (unit) => (needsNoAttention(unit) ? 1 : 3),
    },
  };
}

type Usage = NonNullable<UnitStatus['usage']>;

function usageColumn(title: string, rank: number, text: (usage: Usage) => string): Column<UnitStatus> {
  return { title, align: 'right', rank, text: ({ usage }) => (usage === null ? null : text(usage)) };
}

function noteOf(unit: UnitStatus): string {
  return needsNoAttention(unit) ? unit.description : unit.reason;
}

/** The state in words, with what qualifies it. */
export function stateWords({ state, ready, held }: Pick<UnitStatus, 'state' | 'ready' | 'held'>): string {
  const word = state === 'running' && !ready ? 'running, not ready' : state;
  return held ? `${word} (held)` : word;
}

function sinceText(unit: UnitStatus, nowMs: number): string {
  if (unit.state === 'backoff' && unit.nextStartAt !== null) {
    const leftMs = Date.parse(unit.nextStartAt) - nowMs;
    return leftMs > 0 ? `in ${shortSpan(leftMs)}` : 'now';
  }
  return shortSpan(nowMs - Date.parse(unit.stateSince));
}

function needsNoAttention(unit: UnitStatus): boolean {
  return (isWell(unit) || (unit.state === 'stopped' && unit.wanted === 'down')) && !unit.held;
}

const ATTENTION: Readonly<Record<State, number>> = {
  stopped: 0,
  completed: 1,
  running: 2,
  starting: 3,
  stopping: 3,
  waiting: 4,
  backoff: 5,
  failed: 6,
};

function byAttention(one: UnitStatus, other: UnitStatus): number {
  const attention = attentionOf(one) - attentionOf(other);
  return attention !== 0 ? attention : one.name < other.name ? -1 : 1;
}

function attentionOf(unit: UnitStatus): number {
  if (needsNoAttention(unit)) return unit.state === 'stopped' ? 0 : 1;
  return 2 + ATTENTION[unit.state];
}
