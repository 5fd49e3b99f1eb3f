// A flood of 100-byte lines through a supervisor into log files of 10 MB: bytes a second from the writer's own word
// that it begins until the last byte is in the files. Of unitd's files every line is looked at, of others' the size.
import type { Figure, Measure } from './figures.ts';
import { ratios } from './figures.ts';
import type { LogWay, Peer } from './peers/peer.ts';
import { Running } from './peers/running.ts';
import { unitd } from './peers/unitd.ts';
import { makePlace } from './place.ts';
import type { Scope } from './scope.ts';
import { compiled } from './stamps.ts';
import { allWrittenMs, checkLines } from './written.ts';

const ROUNDS = 5;
export const MEGABYTES = 300;
const LINES = MEGABYTES * 10_000;

interface Rates {
  readonly peer: Peer;
  readonly way: LogWay;
  readonly label: string;
  readonly megabytesPerSecond: number[];
  readonly processorMsPerMegabyte: number[];
}

async function oneFlood(scope: Scope, { peer, way, ...rates }: Rates): Promise<void> {
  const place = makePlace(scope);
  const { channel, root } = place;
  const program = compiled(root, 'flood');
  if (program === null) throw new Error('cannot flood: no C compiler, expected cc on PATH');
  const argv = [program, channel.path, 'flood', String(MEGABYTES)];
  const log = way.configure(root, { name: 'flood', argv });
  const running = new Running(scope, place, log);
  const { atMs } = await running.whileItLives(channel.stamp('flood'));
  const processorMs = running.processorMs(program);
  await running.whileItLives(channel.stamp('flood-done'));
  const seconds = ((await allWrittenMs(log, LINES)) - atMs) / 1000;
  rates.megabytesPerSecond.push(MEGABYTES / seconds);
  rates.processorMsPerMegabyte.push((running.processorMs(program) - processorMs) / MEGABYTES);
  // The last file may be rotated behind its last line: its name is another then.
  await running.end();
  if (peer === unitd) checkLines(log, LINES);
}

/** Each way of each supervisor once a round. */
export async function floodAll(
  scope: Scope,
  rounds: number,
  peers: readonly Peer[],
): Promise<readonly Rates[]> {
  const all = peers.flatMap((peer) =>
    peer.logWays.map((way): Rates => {
      const label = `${peer.name}, ${way.name}${way.rotates ? '' : ', no rotation'}`;
      return { peer, way, label, megabytesPerSecond: [], processorMsPerMegabyte: [] };
    }),
  );
  for (let round = 0; round < rounds; round += 1) {
    for (const rates of all) await scope.within(async (inner) => await oneFlood(inner, rates));
  }
  return all;
}

export function rateFigures(all: readonly Rates[]): readonly Figure[] {
  return [
    ...all.map(({ label, megabytesPerSecond }): Figure => ({
      name: label,
      unit: 'MB/s',
      values: megabytesPerSecond,
    })),
    ...all.map(({ label, processorMsPerMegabyte }): Figure => ({
      name: `${label}, processor a megabyte`,
      unit: 'ms',
      values: processorMsPerMegabyte,
    })),
  ];
}

/** How often as fast the first is as the second: the ratio of each round. */
export function timesSlower(
  all: readonly Rates[],
  slow: string,
  fast: string,
  wanted: number,
): Figure | null {
  const [one, other] = [slow, fast].map((label) => all.find((rates) => rates.label === label));
  if (one === undefined || other === undefined) return null;
  const values = ratios(other.megabytesPerSecond, one.megabytesPerSecond);
  return { name: `${fast}, times as fast as ${slow}`, unit: 'x', values, wanted };
}

async function run(scope: Scope): Promise<readonly Figure[]> {
  const all = await floodAll(scope, ROUNDS, [unitd]);
  const against = timesSlower(all, 'unitd, cri', 'unitd, raw', 2);
  return [...rateFigures(all), ...(against === null ? [] : [against])];
}

export const logCapture: Measure = {
  name: 'logs',
  about: `${MEGABYTES} MB of 100-byte lines from one unit, rotated at 10 MB, every line counted`,
  run,
};
