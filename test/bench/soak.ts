// A daemon that is kept busy for a while: restarts, forks that leave their parents, reloads with changes, units that
// come and go, logs that rotate, clients that come and go. Whatever it keeps of that shows as a slope.
//   npm run bench -- soak --minutes 120
import { readdirSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { StatusDocument } from '../../src/wire/v1.ts';
import { BenchDaemon } from './bench-daemon.ts';
import type { Figure, Measure } from './figures.ts';
import { cgroupsOf, memoryOf } from './proc-figures.ts';
import type { Scope } from './scope.ts';

const CYCLE_MS = 250;
/** Until what is made once is made: compiled code, pools, the first rotations. */
const WARM_UP_SHARE = 0.25;

const FILES: Readonly<Record<string, string>> = {
  'looper.yaml': `command: [sh, -c, 'echo out; echo err >&2; exit 1']\nrestart: { delay: 20ms, factor: 1, jitter: 0 }`,
  'forker.yaml': `command: [sh, -c, '(setsid sleep 0.3 &) ; exit 1']\nrestart: { delay: 50ms, factor: 1, jitter: 0 }`,
  'chatter.yaml': `command: [sh, -c, 'while :; do seq 200; sleep 0.05; done']\nlogs: { maxSize: 50kB, maxFiles: 3 }`,
  'job.yaml': `type: oneshot\ncommand: "false"\nrestart: { policy: on-failure, delay: 100ms, factor: 1, jitter: 0 }`,
};

interface Look {
  readonly atMs: number;
  readonly residentMB: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly pipes: number;
  readonly cgroups: number;
}

function lookAt(daemon: BenchDaemon, hasFence: boolean): Look {
  const { pid, root } = daemon;
  return {
    atMs: performance.now(),
    residentMB: memoryOf(pid).residentMB,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    pipes: readdirSync(join(root, 'run/fifo')).length,
    cgroups: hasFence ? cgroupsOf(pid) : 0,
  };
}

/** Least squares, in units an hour. */
function slope(looks: readonly Look[], of: (look: Look) => number): number {
  const hours = looks.map(({ atMs }) => atMs / 3_600_000);
  const values = looks.map(of);
  const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
  const [meanHours, meanValue] = [mean(hours), mean(values)];
  let [above, below] = [0, 0];
  for (const [index, hour] of hours.entries()) {
    above += (hour - meanHours) * ((values[index] ?? meanValue) - meanValue);
    below += (hour - meanHours) ** 2;
  }
  return above / below;
}

/** A client that follows the events for a moment and goes away in the middle. */
async function visit(socketPath: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const asked = get({ socketPath, path: '/v1/events?snapshot=1', agent: false }, (response) => {
      response.on('error', () => undefined);
      response.once('data', () => {
        asked.destroy();
        resolve();
      });
    });
    asked.on('error', reject);
  });
}

async function run(scope: Scope, note: (text: string) => void, minutes: number): Promise<readonly Figure[]> {
  const daemon = new BenchDaemon(scope);
  for (const [file, text] of Object.entries(FILES)) daemon.writeFile(file, text);
  await daemon.start();
  const hasFence = (await daemon.get<StatusDocument>('/v1/status')).daemon.fence === 'cgroup';
  const startMs = performance.now();
  const endMs = startMs + minutes * 60_000;
  const looks: Look[] = [];
  let cycles = 0;
  for (; performance.now() < endMs; cycles += 1) {
    daemon.write('u00000', String(cycles));
    if (cycles % 2 === 0) daemon.write('guest');
    else rmSync(join(daemon.root, 'units.d/guest.yaml'), { force: true });
    await daemon.reload();
    await visit(daemon.socket);
    // With the guest there, always: the same set each time.
    if (cycles % 4 === 0) looks.push(lookAt(daemon, hasFence));
    await pause(CYCLE_MS);
  }
  const { units } = await daemon.get<StatusDocument>('/v1/status');
  const restarts = units.reduce((sum, unit) => sum + unit.restarts, 0);
  await daemon.stop();
  const steady = looks.slice(Math.floor(looks.length * WARM_UP_SHARE));
  note(`${minutes} minutes, ${cycles} reloads, ${restarts} restarts, ${hasFence ? 'cgroups' : 'sessions'}`);
  const [first, last] = [steady.slice(0, 10), steady.slice(-10)];
  const one = (name: string, unit: Figure['unit'], values: readonly number[]): Figure => ({
    name,
    unit,
    values,
  });
  return [
    one(
      'memory (RSS), at first',
      'MB',
      first.map(({ residentMB }) => residentMB),
    ),
    one(
      'memory (RSS), at last',
      'MB',
      last.map(({ residentMB }) => residentMB),
    ),
    one('memory (RSS), slope an hour', 'MB', [slope(steady, ({ residentMB }) => residentMB)]),
    one('descriptors, slope an hour', 'n', [slope(steady, ({ descriptors }) => descriptors)]),
    one('threads, slope an hour', 'n', [slope(steady, ({ threads }) => threads)]),
    one('pipes, slope an hour', 'n', [slope(steady, ({ pipes }) => pipes)]),
    one('cgroups, slope an hour', 'n', [slope(steady, ({ cgroups }) => cgroups)]),
  ];
}

export function soak(minutes: number): Measure {
  return {
    name: 'soak',
    about: `what grows in ${minutes} minutes of restarts, reloads, rotations and visits`,
    run: async (scope, note) => await run(scope, note, minutes),
  };
}
