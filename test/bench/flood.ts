// One unit writes as fast as it can, another is killed again and again: what the flood costs the neighbour, and the
// daemon in memory.
import { BenchDaemon, unitText } from './bench-daemon.ts';
import type { Figure, Measure } from './figures.ts';
import { quantile } from './figures.ts';
import { memoryOf } from './proc-figures.ts';
import type { Scope } from './scope.ts';
import { compiled } from './stamps.ts';

const KILLS = 200;
const VICTIM = 'victim';
const FORMATS = ['raw', 'cri'] as const;

async function oneFormat(scope: Scope, format: string): Promise<readonly Figure[]> {
  const daemon = new BenchDaemon(scope);
  const { channel, child, root } = daemon;
  const program = compiled(root, 'flood');
  if (program === null) throw new Error('cannot flood: no C compiler, expected cc on PATH');
  daemon.write(VICTIM);
  daemon.writeFile(
    'flood.yaml',
    unitText([program, channel.path, 'flood', '0'], [`logs: { format: ${format} }`]),
  );
  await daemon.start();
  await channel.stamp('flood');
  let { pid } = await channel.stamp(VICTIM);
  const [waits, memoryMB]: [number[], number[]] = [[], []];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const { mark } = channel;
    const killMs = child.nowMs();
    process.kill(pid, 'SIGKILL');
    const next = await channel.stamp(VICTIM, mark);
    pid = next.pid;
    waits.push(next.atMs - killMs);
    if (kill % 10 === 0) memoryMB.push(memoryOf(daemon.pid).residentMB);
  }
  await daemon.stop();
  const name = `${format}: kill to next start of another`;
  return [
    { name, unit: 'ms', values: waits, wanted: 10 },
    { name: `${name}, p99`, unit: 'ms', values: [quantile(waits, 0.99)], wanted: 50 },
    { name: `${format}: memory (RSS)`, unit: 'MB', values: memoryMB },
  ];
}

async function run(scope: Scope): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const format of FORMATS) {
    figures.push(...(await scope.within(async (inner) => await oneFormat(inner, format))));
  }
  return figures;
}

export const flood: Measure = {
  name: 'flood',
  about: `kill to next start of one unit, ${KILLS} times, while another floods its log`,
  run,
};
