// Why `unitd logs` has no line to print, by the daemon's counts: none came yet, none of them is left, or they were dropped.
import type { UnitDocument } from '../wire/v1.ts';
import type { Client } from './client.ts';
import { inTurns } from './in-turns.ts';
import { dateAndTime } from './local-time.ts';
import { counted } from './quantities.ts';
import { printable } from './text-width.ts';
import { unitPath } from './unit-path.ts';

export interface LineCounts {
  readonly written: number;
  readonly dropped: number;
  /** Why they are dropped; null: they are not now. */
  readonly problem: string | null;
}

/** Of all units together. */
export async function lineCounts(client: Client, units: readonly string[]): Promise<LineCounts> {
  const replies = await inTurns(units, async (unit) => client.get<UnitDocument>(unitPath(unit)));
  const logs = replies.flatMap((reply) => (reply.ok ? [reply.value.logs] : []));
  return {
    written: logs.reduce((sum, { lines }) => sum + lines, 0),
    dropped: logs.reduce((sum, { droppedLines }) => sum + droppedLines, 0),
    problem: logs.find(({ problem }) => problem !== null)?.problem ?? null,
  };
}

/** A clause without a full stop. */
export function noLines(
  units: readonly string[],
  { sinceMs, stream }: { readonly sinceMs: number | null; readonly stream: string | undefined },
  { written, dropped, problem }: LineCounts,
): string {
  const from = stream === undefined ? '' : ` to ${stream}`;
  const lost = dropped === 0 ? '' : `; ${counted(dropped, 'line')} dropped`;
  const why = problem === null ? '' : `${lost === '' ? '; ' : ': '}${printable(problem)}`;
  const isAll = sinceMs === null && stream === undefined;
  const when =
    sinceMs !== null
      ? ` since ${dateAndTime(sinceMs)}`
      : isAll && written > 0
        ? ` is left of ${counted(written, 'line')} that ${written === 1 ? 'was' : 'were'} written`
        : lost === ''
          ? ' yet'
          : '';
  return `${whoseLines(units)}: no line${from}${when}${lost}${why}`;
}

export function whoseLines(units: readonly string[]): string {
  return units.length === 1 ? `unit "${units[0] ?? ''}"` : 'these units';
}
