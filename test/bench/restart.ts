// From the kill of a child to the next one's own word, at zero restart delay, beside one bare posix_spawn of the same
// program, and beside a loop that does nothing but wait and spawn, in the same run: several of each in a row, and by
// turns, when caches are as cold for the one as for the other, and the daemon is at work still on the kill before.
import { bareSpawns } from './bare-spawn.ts';
import { BenchDaemon } from './bench-daemon.ts';
import type { Figure, Measure } from './figures.ts';
import { median } from './figures.ts';
import type { Scope } from './scope.ts';

const UNITS = 200;
const ROUNDS = 20;
const KILLS_A_ROUND = 15;

async function run(scope: Scope, note: (text: string) => void): Promise<readonly Figure[]> {
  const daemon = new BenchDaemon(scope);
  const { channel, child } = daemon;
  note(`children are ${child.kind}`);
  await daemon.startWith(UNITS);
  const living = new Map((await channel.stamps(UNITS)).map(({ word, pid }) => [word, pid]));
  const names = [...living.keys()];
  const bare = bareSpawns(scope, daemon);

  const calls: number[] = [];
  const spoken: number[] = [];
  const again: number[] = [];
  const kills: number[] = [];
  const turns = { spoken: new Array<number>(), kills: new Array<number>() };
  let killed = 0;
  const killOne = async (): Promise<number> => {
    const name = names[killed++ % names.length] ?? '';
    const { mark } = channel;
    const killMs = child.nowMs();
    process.kill(living.get(name) ?? NaN, 'SIGKILL');
    const [next] = await channel.stamps(1, mark);
    if (next?.word !== name) throw new Error(`${next?.word} started, expected ${name}`);
    living.set(name, next.pid);
    return next.atMs - killMs;
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let kill = 0; kill < KILLS_A_ROUND; kill += 1) {
      const { callMs, spokenMs, againMs } = await bare.once();
      calls.push(callMs);
      spoken.push(spokenMs);
      again.push(againMs);
    }
    for (let kill = 0; kill < KILLS_A_ROUND; kill += 1) kills.push(await killOne());
    for (let kill = 0; kill < KILLS_A_ROUND; kill += 1) {
      turns.spoken.push((await bare.once()).spokenMs);
      turns.kills.push(await killOne());
    }
  }
  await daemon.stop();
  return [
    { name: 'one bare posix_spawn, the call', unit: 'ms', values: calls },
    { name: "one bare posix_spawn, to the child's word", unit: 'ms', values: spoken },
    { name: "a loop of wait and posix_spawn, kill to the next child's word", unit: 'ms', values: again },
    { name: "kill to the next child's word", unit: 'ms', values: kills },
    { name: 'kill to next, against the bare spawn', unit: 'x', values: [median(kills) / median(spoken)] },
    { name: 'kill to next, against that loop', unit: 'x', values: [median(kills) / median(again)] },
    { name: "by turns: one bare posix_spawn, to the child's word", unit: 'ms', values: turns.spoken },
    { name: "by turns: kill to the next child's word", unit: 'ms', values: turns.kills },
    {
      name: 'by turns: kill to next, against the bare spawn',
      unit: 'x',
      values: [median(turns.kills) / median(turns.spoken)],
    },
  ];
}

export const restart: Measure = {
  name: 'restart',
  about: `kill to next start at zero delay among ${UNITS} units, beside a bare posix_spawn`,
  run,
};
