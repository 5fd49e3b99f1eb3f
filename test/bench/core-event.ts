// The pure core: what one exit costs, from the fact to the unit that runs again, in a small set and in a large one.
import { World, specsOf } from './core-world.ts';
import type { Figure, Measure } from './figures.ts';
import { ratios } from './figures.ts';

const SMALL = 100;
const LARGE = 10_000;
const ROUNDS = 15;
const EVENTS = 3_000;

function microsecondsAnEvent(world: World, offset: number): number {
  const startMs = performance.now();
  // A stride that visits the whole set in no cache-friendly order.
  for (let event = 0; event < EVENTS; event += 1) world.crash(offset + event * 7919);
  return ((performance.now() - startMs) * 1000) / EVENTS;
}

async function run(): Promise<readonly Figure[]> {
  const [small, large] = [new World(specsOf(SMALL)), new World(specsOf(LARGE))];
  for (const world of [small, large]) microsecondsAnEvent(world, 0);
  const [smallMicros, largeMicros]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    smallMicros.push(microsecondsAnEvent(small, round));
    largeMicros.push(microsecondsAnEvent(large, round));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return [
    { name: `exit to running again, set of ${SMALL}`, unit: 'µs', values: smallMicros },
    { name: `exit to running again, set of ${LARGE}`, unit: 'µs', values: largeMicros },
    { name: 'large to small', unit: 'x', values: ratios(largeMicros, smallMicros), wanted: 1.5 },
  ];
}

export const coreEvent: Measure = {
  name: 'core',
  about: `one exit through deliver and converge, in sets of ${SMALL} and ${LARGE} units, without processes`,
  run,
};
