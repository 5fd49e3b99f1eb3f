// A whole set on real processes: cold start, reload without change, reload with one change, stop.
import { BenchDaemon, unitName } from './bench-daemon.ts';
import type { Figure, Measure } from './figures.ts';
import type { Scope } from './scope.ts';

const SIZES = [
  { count: 200, rounds: 5 },
  { count: 1_000, rounds: 3 },
];
const RELOADS = 3;

interface Times {
  readonly start: number[];
  readonly unchanged: number[];
  readonly changed: number[];
  readonly changedUp: number[];
  readonly stop: number[];
}

async function oneRound(scope: Scope, count: number, times: Times): Promise<void> {
  const daemon = new BenchDaemon(scope);
  const { channel, child } = daemon;
  daemon.writeAll(count);

  const startMs = child.nowMs();
  await daemon.start();
  const stamps = await channel.stamps(count);
  times.start.push(Math.max(...stamps.map(({ atMs }) => atMs)) - startMs);
  await daemon.reload();

  for (let again = 0; again < RELOADS; again += 1) {
    const reloadMs = child.nowMs();
    const { plan } = await daemon.reload();
    times.unchanged.push(child.nowMs() - reloadMs);
    if (plan?.unchanged !== count) throw new Error(`${plan?.unchanged} units unchanged, expected ${count}`);
  }

  const { mark } = channel;
  daemon.write(unitName(count / 2), '1');
  const changeMs = child.nowMs();
  const { plan } = await daemon.reload();
  times.changed.push(child.nowMs() - changeMs);
  if (plan?.units.length !== 1) throw new Error(`${plan?.units.length} units moved, expected 1`);
  const [restarted] = await channel.stamps(1, mark);
  times.changedUp.push((restarted?.atMs ?? NaN) - changeMs);

  const stopMs = child.nowMs();
  await daemon.stop();
  times.stop.push(child.nowMs() - stopMs);
}

function figuresOf(count: number, times: Times): readonly Figure[] {
  const figure = (name: string, values: readonly number[]): Figure => ({
    name: `${count} units: ${name}`,
    unit: 'ms',
    values,
  });
  return [
    figure('start, exec of the daemon to the last child', times.start),
    figure('reload without change', times.unchanged),
    figure('reload with one change, until it answers', times.changed),
    figure('reload with one change, until its child runs', times.changedUp),
    figure('stop, SIGTERM to the end of the daemon', times.stop),
  ];
}

async function run(scope: Scope): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const { count, rounds } of SIZES) {
    const times: Times = { start: [], unchanged: [], changed: [], changedUp: [], stop: [] };
    for (let round = 0; round < rounds; round += 1) await oneRound(scope, count, times);
    figures.push(...figuresOf(count, times));
  }
  return figures;
}

export const fleet: Measure = {
  name: 'fleet',
  about: `${SIZES.map(({ count }) => count).join(' and ')} real units: start, reload, stop`,
  run,
};
