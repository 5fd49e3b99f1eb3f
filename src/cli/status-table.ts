// The table of `unitd status`. Units that need attention stand last, next to the summary and the prompt: of a long
// table the end is what a terminal still shows.
import { STATES } from '../model/state.ts';
import type { State } from '../model/state.ts';
import { shortSpan } from '../base/relative-time.ts';
import type { StatusDocument, UnitStatus } from '../wire/v1.ts';
import { shortBytes, shortPercent } from './quantities.ts';
import type { Screen } from './screen.ts';
import { isWell, statePaint, stateSymbol } from './state-look.ts';
import { NOTHING, tableLines } from './table.ts';
import type { Cell, Column, Row } from './table.ts';
import { measureFor } from './text-width.ts';

const COLUMNS: readonly Column[] = [
  { title: 'UNIT', align: 'left', rank: null },
  { title: 'STATE', align: 'left', rank: null },
  { title: 'SINCE', align: 'right', rank: 6 },
  { title: 'RESTARTS', align: 'right', rank: 5 },
  { title: 'PID', align: 'right', rank: 2 },
  { title: 'CPU', align: 'right', rank: 3 },
  { title: 'MEMORY', align: 'right', rank: 4 },
  { title: 'TASKS', align: 'right', rank: 1 },
];

/** The screen, line feeds included; empty where there are no units and nothing is wrong. */
export async function statusScreen(document: StatusDocument, screen: Screen, nowMs: number): Promise<string> {
  const { units, daemon } = document;
  const lines: string[] = [];
  if (units.length > 0) {
    const rows = [...units].sort(byAttention).map((unit) => rowOf(unit, screen, nowMs));
    const measure = await measureFor(rows.map(({ note }) => note.text));
    lines.push(...tableLines(COLUMNS, 'NOTE', rows, screen, measure), '');
  }
  if (daemon.degraded || daemon.problems.length > 0) {
    const { bannerLines } = await import('./degraded-banner.ts');
    lines.push(...bannerLines(daemon, screen), ...(units.length > 0 ? [''] : []));
  }
  if (units.length > 0) lines.push(summary(units, screen));
  return lines.map((line) => `${line}\n`).join('');
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

function rowOf(unit: UnitStatus, screen: Screen, nowMs: number): Row {
  const { palette } = screen;
  const paint = statePaint(unit, palette);
  const calm = needsNoAttention(unit);
  const plain = (text: string): Cell => ({ text, paint: String });
  const figure = (text: string | null): Cell =>
    text === null ? { text: NOTHING, paint: palette.dim } : plain(text);
  const { usage } = unit;
  const restarts = unit.restarts === 0 ? { text: '0', paint: palette.dim } : plain(String(unit.restarts));
  return {
    symbol: { text: stateSymbol(unit, screen), paint },
    cells: [
      {
        text: unit.name,
        paint: unit.wanted === 'down' && unit.state === 'stopped' ? palette.dim : palette.bold,
      },
      { text: stateWords(unit), paint },
      sinceCell(unit, nowMs, figure),
      restarts,
      figure(unit.pid === null ? null : String(unit.pid)),
      figure(usage === null ? null : shortPercent(usage.cpuPercent)),
      figure(usage === null ? null : shortBytes(usage.memoryBytes)),
      figure(usage === null ? null : String(usage.tasks)),
    ],
    note: calm
      ? { text: unit.description, paint: palette.dim }
      : { text: unit.reason, paint: unit.state === 'failed' ? palette.red : String },
    noteLines: calm ? 1 : 3,
  };
}

/** The state in words, with what qualifies it. */
export function stateWords({ state, ready, held }: Pick<UnitStatus, 'state' | 'ready' | 'held'>): string {
  const word = state === 'running' && !ready ? 'running, not ready' : state;
  return held ? `${word} (held)` : word;
}

function sinceCell(unit: UnitStatus, nowMs: number, figure: (text: string | null) => Cell): Cell {
  if (unit.state === 'backoff' && unit.nextStartAt !== null) {
    const leftMs = Date.parse(unit.nextStartAt) - nowMs;
    return figure(leftMs > 0 ? `in ${shortSpan(leftMs)}` : 'now');
  }
  const runs = unit.startedAt !== null && unit.pid !== null;
  const at = runs ? unit.startedAt : (unit.lastExit?.at ?? unit.startedAt);
  return figure(at === null ? null : shortSpan(nowMs - Date.parse(at)));
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
