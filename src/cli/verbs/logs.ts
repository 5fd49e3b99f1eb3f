// unitd logs: kept lines of one or several units, and with --follow those to come.
import { setMaxListeners } from 'node:events';
import { parseDuration } from '../../base/duration.ts';
import type { LogLine } from '../../wire/v1.ts';
import { clientOf } from '../client.ts';
import type { Client } from '../client.ts';
import { complained, failed } from '../report.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { usageFailure } from '../failure.ts';
import type { Failure, Reply } from '../failure.ts';
import { inTurns } from '../in-turns.ts';
import { momentOf } from '../local-time.ts';
import { inOrder, liveOrder, readMark } from '../log-order.ts';
import type { ReadMark } from '../log-order.ts';
import { logText } from '../log-text.ts';
import type { LogLook } from '../log-text.ts';
import { lineCounts, noLines, whoseLines } from '../no-lines.ts';
import { keepStreaming } from '../reconnect.ts';
import type { StreamEnd } from '../reconnect.ts';
import { explained, unitPath } from '../unit-path.ts';
import { given, valueOf } from '../verb-spec.ts';

const DEFAULT_LINES = 50;
/** While following several units: how often to look which lines wait for nobody any more. */
const REORDER_MS = 50;
/** How long a log is silent until the lines of others do not wait for it; a busy machine may hold it up. */
const SILENT_MS = 250;
/** A log that is followed has a connection of its own, of the 512 that the daemon accepts; some are for others. */
const MOST_FOLLOWED = 500;

interface Wish {
  /** null: all. */
  readonly lines: number | null;
  readonly sinceMs: number | null;
  readonly stream: string | undefined;
}

export async function runLogs(context: Context): Promise<ExitCode> {
  const wish = wishOf(context);
  if (!wish.ok) return failed(context, wish.failure);
  const client = clientOf(context.paths.socket);
  const units = [...new Set(context.invocation.operands)];
  const follow = given(context.invocation, 'follow');
  if (follow && units.length > MOST_FOLLOWED) {
    const message = `cannot follow the logs of ${units.length} units: each takes a connection to the daemon, expected at most ${MOST_FOLLOWED}`;
    return failed(context, usageFailure(message));
  }
  let isEmpty = true;
  const printed = printer(context, units);
  const print: Print = (lines) => {
    isEmpty &&= lines.length === 0;
    printed(lines);
  };
  const gone = async (failure: Failure): Promise<void> =>
    void complained(context, await explained(client, failure));
  const end = follow
    ? await followed(client, units, wish.value, print, context.now(), gone)
    : await kept(client, units, wish.value, print);
  // What was printed is the answer.
  if (!end.ok) return (isEmpty ? failed : complained)(context, await explained(client, end.failure));
  if (!isEmpty) return EXIT.done;
  if (wish.value.lines === 0) {
    context.note(`no line of ${whoseLines(units)} was asked for\n`);
    return EXIT.done;
  }
  const counts = await lineCounts(client, units);
  // The first may have come since.
  if (counts.written > 0) await kept(client, units, wish.value, print);
  if (isEmpty) context.note(`${noLines(units, wish.value, counts)}\n`);
  return EXIT.done;
}

function wishOf({ invocation, now }: Context): Reply<Wish> {
  const since = valueOf(invocation, 'since');
  const sinceMs = since === undefined ? null : momentOf(since, parseDuration(since), now());
  if (since !== undefined && sinceMs === null) {
    const message = `cannot read --since "${since}": not a time, expected e.g. 10m, 10:00 or 2026-11-22T10:00`;
    return { ok: false, failure: usageFailure(message) };
  }
  const lines = valueOf(invocation, 'lines');
  if (lines !== undefined && lines !== 'all' && !/^\d{1,15}$/.test(lines)) {
    const message = `cannot read --lines "${lines}": not a count, expected a whole number or "all"`;
    return { ok: false, failure: usageFailure(message) };
  }
  const fallback = sinceMs === null ? DEFAULT_LINES : null;
  const count = lines === undefined ? fallback : lines === 'all' ? null : Number(lines);
  return { ok: true, value: { lines: count, sinceMs, stream: valueOf(invocation, 'stream') } };
}

type Print = (lines: readonly LogLine[]) => void;

/** Prints the lines of one turn of the loop at once. */
function inBatches(print: Print): (line: LogLine) => void {
  let batch: LogLine[] = [];
  const flush = (): void => {
    print(batch);
    batch = [];
  };
  return (line) => {
    if (batch.push(line) === 1) queueMicrotask(flush);
  };
}

function printer(context: Context, units: readonly string[]): Print {
  if (context.json)
    return (lines) => context.print(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const look: LogLook = {
    times: given(context.invocation, 'timestamps') ? 'full' : context.out.width === null ? 'none' : 'clock',
    names: units.length > 1 ? units : [],
  };
  return (lines) => context.print(lines.map((line) => `${logText(line, look, context.out)}\n`).join(''));
}

function logPath(unit: string, wish: Wish, follow: boolean): string {
  const query = new URLSearchParams();
  if (wish.lines !== null) query.set('lines', String(wish.lines));
  if (wish.sinceMs !== null) query.set('since', new Date(wish.sinceMs).toISOString());
  if (wish.stream !== undefined) query.set('stream', wish.stream);
  if (follow) query.set('follow', '1');
  return `${unitPath(unit, 'logs')}?${query.toString()}`;
}

/** One unit is printed as it comes; several are read whole, for their common order. */
async function kept(client: Client, units: readonly string[], wish: Wish, print: Print): Promise<StreamEnd> {
  const collected: LogLine[] = [];
  const take = units.length === 1 ? inBatches(print) : (line: LogLine): void => void collected.push(line);
  const ends = await inTurns(units, async (unit): Promise<StreamEnd> => {
    const never = new AbortController().signal;
    const end = await client.stream<LogLine>(logPath(unit, wish, false), take, never);
    return end.ok && !end.value.complete ? { ok: false, failure: await cutOff(client, unit) } : end;
  });
  const ordered = inOrder(collected);
  if (ordered.length > 0) print(wish.lines === null ? ordered : ordered.slice(-wish.lines));
  return ends.find(({ ok }) => !ok) ?? { ok: true, value: { complete: true } };
}

async function cutOff(client: Client, unit: string): Promise<Failure> {
  const answer = await client.get(unitPath(unit));
  const isGone = !answer.ok && answer.failure.exitCode === EXIT.unreachable;
  return {
    exitCode: isGone ? EXIT.unreachable : EXIT.failed,
    message: `cannot read all of the log of unit "${unit}": ${isGone ? 'the daemon has ended' : 'it was cut off'}, expected its last line`,
    hints: isGone
      ? ['look again: unitd status']
      : ['ask again; if it stays so, the log of the daemon says why'],
    details: null,
  };
}

/**
 * Until the process is ended, a unit is unknown from the beginning, or the last one is removed; `gone` is told of those
 * before it.
 */
async function followed(
  client: Client,
  units: readonly string[],
  wish: Wish,
  print: Print,
  begunMs: number,
  gone: (failure: Failure) => Promise<void>,
): Promise<StreamEnd> {
  const stop = new AbortController();
  // Each request listens to it, which node would take for a leak.
  setMaxListeners(0, stop.signal);
  const order = liveOrder(SILENT_MS);
  let timer: NodeJS.Timeout | null = null;
  const flush = (nowMs: number): void => {
    print(order.due(nowMs));
    timer = order.isEmpty() ? null : setTimeout(() => flush(performance.now()), REORDER_MS);
  };
  const waitForOthers = (line: LogLine): void => {
    order.take(line, performance.now());
    timer ??= setTimeout(() => flush(performance.now()), REORDER_MS);
  };
  const take = units.length === 1 ? inBatches(print) : waitForOthers;
  let left = units.length;
  const ends = units.map(async (unit): Promise<StreamEnd> => {
    const mark = readMark(wish.lines !== null && wish.lines > 0);
    let opened = false;
    let reopened = false;
    let isFruitful = false;
    const open = (): Promise<StreamEnd> => {
      const path = logPath(unit, opened ? { ...wish, ...newSince(mark, begunMs) } : wish, true);
      if (opened) mark.reopened();
      reopened = opened;
      opened = true;
      isFruitful = false;
      const takeNew = (line: LogLine): void => {
        if (!mark.isNew(line)) return;
        isFruitful = true;
        take(line);
      };
      return client.stream<LogLine>(path, takeNew, stop.signal);
    };
    const end = await keepStreaming(open, stop.signal, { cameNew: () => isFruitful });
    if (end.ok || !reopened || end.failure.exitCode !== EXIT.noSuchUnit) return end;
    const failure = removed(unit);
    left -= 1;
    if (left === 0) return { ok: false, failure };
    await gone(failure);
    return new Promise(() => {});
  });
  const first = await Promise.race(ends);
  stop.abort();
  if (timer !== null) {
    clearTimeout(timer);
    flush(Infinity);
  }
  return first;
}

function removed(unit: string): Failure {
  const message = `cannot go on with the log of unit "${unit}": its file was removed, expected it to stay`;
  return { exitCode: EXIT.noSuchUnit, message, hints: [], details: null };
}

/** What to ask for when the log is opened again; of a log without times only what is written from then on. */
function newSince(mark: ReadMark, begunMs: number): Pick<Wish, 'lines' | 'sinceMs'> {
  const time = mark.time();
  if (time !== null) return { lines: null, sinceMs: Date.parse(time) };
  return mark.begun() ? { lines: 0, sinceMs: null } : { lines: null, sinceMs: begunMs };
}
