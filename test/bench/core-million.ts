// The pure core with a set that no machine runs: a million facts in a set of 100,000 units, in ten parts, of which the
// last must cost what the first does, and each what it does in a small set.
import { World, specsOf } from './core-world.ts';
import type { Figure, Measure } from './figures.ts';
import { median } from './figures.ts';

const UNITS = 100_000;
const SMALL = 100;
const EVENTS = 1_000_000;
const PARTS = 10;

function microsecondsAnEvent(world: World, offset: number, events: number): number {
  const before = world.events;
  const startMs = performance.now();
  // A stride that visits the whole set in no cache-friendly order.
  for (let at = offset; world.events - before < events; at += 7919) world.crash(at);
  return ((performance.now() - startMs) * 1000) / (world.events - before);
}

async function run(_scope: unknown, note: (text: string) => void): Promise<readonly Figure[]> {
  const small = new World(specsOf(SMALL));
  microsecondsAnEvent(small, 0, EVENTS / PARTS);
  const specs = specsOf(UNITS);
  const startMs = performance.now();
  const world = new World(specs);
  const builtMs = performance.now();
  const started = world.events;
  const [micros, smallMicros]: [number[], number[]] = [[], []];
  let totalMs = 0;
  for (let part = 0; part < PARTS; part += 1) {
    smallMicros.push(microsecondsAnEvent(small, part, EVENTS / PARTS));
    const partMs = performance.now();
    micros.push(microsecondsAnEvent(world, part, EVENTS / PARTS));
    totalMs += performance.now() - partMs;
    await new Promise((resolve) => setImmediate(resolve));
  }
  note(`${world.events - started} events after the start in ${Math.round(totalMs)} ms`);
  return [
    { name: `${UNITS} units, plan and start of all`, unit: 'ms', values: [builtMs - startMs] },
    { name: `an event, set of ${SMALL}`, unit: 'µs', values: smallMicros },
    { name: `an event, set of ${UNITS}`, unit: 'µs', values: micros },
    { name: `${EVENTS} events`, unit: 'ms', values: [totalMs] },
    {
      name: 'last tenth to first',
      unit: 'x',
      values: [(micros.at(-1) ?? NaN) / (micros[0] ?? NaN)],
      wanted: 1.3,
    },
    { name: 'large set to small', unit: 'x', values: [median(micros) / median(smallMicros)] },
  ];
}

export const coreMillion: Measure = {
  name: 'core-million',
  about: `${EVENTS} events through deliver and converge in a set of ${UNITS} units, without processes`,
  run,
};
