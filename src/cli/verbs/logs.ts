// unitd logs: kept lines of one, several or all units, and with --follow those to come; where all are meant, of units
// to come too.
import { parseDuration } from '../../base/duration.ts';
import type { EventLine, GraphDocument, LogLine } from '../../wire/v1.ts';
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
import { LogFollower } from '../log-follower.ts';
import type { LogEnd } from '../log-follower.ts';
import { inOrder } from '../log-order.ts';
import { inBatches, logPath } from '../log-request.ts';
import type { LogWish, Print } from '../log-request.ts';
import { logText, NameColumn } from '../log-text.ts';
import type { LogLook } from '../log-text.ts';
import { lineCounts, noLines, whoseLines } from '../no-lines.ts';
import { keepStreaming } from '../reconnect.ts';
import type { StreamEnd } from '../reconnect.ts';
import { explained, unitPath } from '../unit-path.ts';
import { given, valueOf } from '../verb-spec.ts';

const DEFAULT_LINES = 50;
/** A log that is followed has a connection of its own, of the 512 that the daemon accepts; some are for others. */
const MOST_FOLLOWED = 500;

export async function runLogs(context: Context): Promise<ExitCode> {
  const wish = wishOf(context);
  if (!wish.ok) return failed(context, wish.failure);
  const client = clientOf(context.paths.socket);
  const named = [...new Set(context.invocation.operands)];
  const isAll = named.length === 0;
  const known = isAll ? await allUnits(client) : ({ ok: true, value: named } as const);
  if (!known.ok) return failed(context, known.failure);
  const units = known.value;
  const follow = given(context.invocation, 'follow');
  if (follow && units.length > MOST_FOLLOWED) return failed(context, tooMany(units.length));
  const names = isAll || units.length > 1 ? new NameColumn(units) : null;
  let isEmpty = true;
  const printed = printer(context, names);
  const print: Print = (lines) => {
    isEmpty &&= lines.length === 0;
    printed(lines);
  };
  const complain = async (failure: Failure): Promise<void> =>
    void complained(context, await explained(client, failure));
  let end: StreamEnd;
  if (follow) {
    const isAlone = names === null;
    const follower = new LogFollower({ client, wish: wish.value, print, begunMs: context.now(), isAlone });
    end = await (isAll
      ? followedAll(client, follower, units, (name) => names?.add(name))
      : followed(follower, units, complain));
    follower.close();
  } else end = await kept(client, units, wish.value, print, isAll);
  // What was printed is the answer.
  if (!end.ok) return (isEmpty ? failed : complained)(context, await explained(client, end.failure));
  if (!isEmpty) return EXIT.done;
  if (units.length === 0) {
    context.note('there are no units\n');
    return EXIT.done;
  }
  if (wish.value.lines === 0) {
    context.note(`no line of ${whoseLines(units)} was asked for\n`);
    return EXIT.done;
  }
  const counts = await lineCounts(client, units);
  // The first may have come since.
  if (counts.written > 0) await kept(client, units, wish.value, print, isAll);
  if (isEmpty) context.note(`${noLines(units, wish.value, counts)}\n`);
  return EXIT.done;
}

async function allUnits(client: Client): Promise<Reply<readonly string[]>> {
  const graph = await client.get<GraphDocument>('/v1/units');
  return graph.ok ? { ok: true, value: graph.value.units.map(({ name }) => name) } : graph;
}

function wishOf({ invocation, now }: Context): Reply<LogWish> {
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

function printer(context: Context, names: NameColumn | null): Print {
  if (context.json)
    return (lines) => context.print(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const look: LogLook = {
    times: given(context.invocation, 'timestamps') ? 'full' : context.out.width === null ? 'none' : 'clock',
    names,
  };
  return (lines) => context.print(lines.map((line) => `${logText(line, look, context.out)}\n`).join(''));
}

/**
 * One unit is printed as it comes; several are read whole, for their common order. `mayGo`: nobody asked for those that
 * are no longer there.
 */
async function kept(
  client: Client,
  units: readonly string[],
  wish: LogWish,
  print: Print,
  mayGo: boolean,
): Promise<StreamEnd> {
  const collected: LogLine[] = [];
  const take = units.length === 1 ? inBatches(print) : (line: LogLine): void => void collected.push(line);
  const ends = await inTurns(units, async (unit): Promise<StreamEnd> => {
    const never = new AbortController().signal;
    const end = await client.stream<LogLine>(logPath(unit, wish, false), take, never);
    return end.ok && !end.value.complete ? { ok: false, failure: await cutOff(client, unit) } : end;
  });
  const ordered = inOrder(collected);
  if (ordered.length > 0) print(wish.lines === null ? ordered : ordered.slice(-wish.lines));
  const isFault = (end: StreamEnd): boolean =>
    !end.ok && !(mayGo && end.failure.exitCode === EXIT.noSuchUnit);
  return ends.find(isFault) ?? { ok: true, value: { complete: true } };
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

function tooMany(count: number): Failure {
  return usageFailure(
    `cannot follow the logs of ${count} units: each takes a connection to the daemon, expected at most ${MOST_FOLLOWED}`,
  );
}

/**
 * Until the process is ended, a unit is unknown from the beginning, or the last one is removed; `gone` is told of those
 * before it.
 */
async function followed(
  follower: LogFollower,
  units: readonly string[],
  gone: (failure: Failure) => Promise<void>,
): Promise<StreamEnd> {
  let left = units.length;
  const ends = units.map(async (unit): Promise<StreamEnd> => {
    const { end, isRemoved } = await follower.follow(unit);
    if (end.ok || !isRemoved) return end;
    left -= 1;
    if (left === 0) return end;
    await gone(end.failure);
    return new Promise(() => {});
  });
  return await Promise.race(ends);
}

/** Until the process is ended: units that come are followed from their first line on, and those that go are let go. */
async function followedAll(
  client: Client,
  follower: LogFollower,
  units: readonly string[],
  come: (unit: string) => void,
): Promise<StreamEnd> {
  const heard = new Set(units);
  return await new Promise((resolve, reject) => {
    const untilGone = async (unit: string, log: Promise<LogEnd>): Promise<void> => {
      const { end } = await log;
      if (end.ok || end.failure.exitCode !== EXIT.noSuchUnit) resolve(end);
      else heard.delete(unit);
    };
    const see = (event: EventLine): void => {
      if (!('unit' in event) || heard.has(event.unit)) return;
      const { unit } = event;
      heard.add(unit);
      if (heard.size > MOST_FOLLOWED) return resolve({ ok: false, failure: tooMany(heard.size) });
      come(unit);
      untilGone(unit, follower.followNewcomer(unit)).catch(reject);
    };
    for (const unit of units) untilGone(unit, follower.follow(unit)).catch(reject);
    const { signal } = follower;
    // Each time that it is opened it begins with all units.
    const watch = async (): Promise<StreamEnd> =>
      await client.stream<EventLine>('/v1/events?type=state&snapshot=1', see, signal);
    keepStreaming(watch, signal).then(resolve, reject);
  });
}
