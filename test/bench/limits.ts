// What breaks first: ever more running units on one daemon, and for each number what it holds of what a machine has
// only so much of. Units that do not run are not a failure of the measure: the first one's reason is the answer.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { StatusDocument } from '../../src/wire/v1.ts';
import { BenchDaemon } from './bench-daemon.ts';
import type { Figure, Measure } from './figures.ts';
import { cgroupsOf, memoryOf } from './proc-figures.ts';
import type { Scope } from './scope.ts';

const SIZES = [1_000, 2_500, 5_000, 10_000];
const LOOK_MS = 1_000;
/** So long nothing changes: it is over. */
const STILL_LOOKS = 4;
const LIMIT_MS = 60_000;

async function whenStill(daemon: BenchDaemon, count: number): Promise<StatusDocument> {
  const limitMs = performance.now() + LIMIT_MS;
  let [running, still] = [-1, 0];
  for (;;) {
    const status = await daemon.get<StatusDocument>('/v1/status');
    const now = status.units.filter(({ state }) => state === 'running').length;
    still = now === running ? still + 1 : 0;
    running = now;
    if (running === count || still === STILL_LOOKS || performance.now() > limitMs) return status;
    await pause(LOOK_MS);
  }
}

async function oneSize(
  scope: Scope,
  count: number,
  note: (text: string) => void,
): Promise<readonly Figure[]> {
  const daemon = new BenchDaemon(scope);
  daemon.writeAll(count);
  const startMs = performance.now();
  await daemon.start();
  const { units } = await whenStill(daemon, count);
  const seconds = (performance.now() - startMs) / 1000;
  const { pid, root } = daemon;
  const down = units.filter(({ state }) => state !== 'running');
  const [first] = down;
  if (first !== undefined) note(`${count} units: ${down.length} do not run, the first: ${first.reason}`);
  const kinds = new Map<string, number>();
  const { descriptors, epolls } = descriptorsOf(pid);
  kinds.set('running', units.length - down.length);
  kinds.set('descriptors of the daemon', descriptors);
  kinds.set('of them epoll and inotify', epolls);
  kinds.set('FIFOs', readdirSync(join(root, 'run/fifo')).length);
  kinds.set('cgroups beside its own', cgroupsOf(pid));
  kinds.set('threads', readdirSync(`/proc/${pid}/task`).length);
  const memory = memoryOf(pid).proportionalMB;
  const askMs = performance.now();
  await daemon.get<StatusDocument>('/v1/status');
  const statusMs = performance.now() - askMs;
  await daemon.stop();
  const label = (name: string): string => `${count} units: ${name}`;
  return [
    ...[...kinds].map(([name, value]): Figure => ({ name: label(name), unit: 'n', values: [value] })),
    { name: label('until nothing moves'), unit: 'ms', values: [seconds * 1000] },
    { name: label('GET /v1/status'), unit: 'ms', values: [statusMs] },
    { name: label('memory (PSS)'), unit: 'MB', values: [memory] },
  ];
}

function descriptorsOf(pid: number): { readonly descriptors: number; readonly epolls: number } {
  const directory = `/proc/${pid}/fdinfo`;
  const names = readdirSync(directory);
  // Only these two kinds say what they watch.
  const watching = names.filter((name) => {
    try {
      return /^(tfd|inotify)/m.test(readFileSync(join(directory, name), 'latin1'));
    } catch {
      return false; // Closed between the listing and the look.
    }
  });
  return { descriptors: names.length, epolls: watching.length };
}

async function run(scope: Scope, note: (text: string) => void): Promise<readonly Figure[]> {
  const allowed = /^Max open files +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  note(`descriptors allowed: ${allowed}; pids: ${readFileSync('/proc/sys/kernel/pid_max', 'latin1').trim()}`);
  const figures: Figure[] = [];
  for (const count of SIZES) {
    try {
      figures.push(...(await scope.within(async (inner) => await oneSize(inner, count, note))));
    } catch (error) {
      note(
        `${count} units: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`,
      );
    }
  }
  return figures;
}

export const limits: Measure = {
  name: 'limits',
  about: `${SIZES.join(', ')} running units: what a machine has too little of first`,
  run,
};
