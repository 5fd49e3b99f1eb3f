// The pure core: what one exit costs, from the fact to the unit that runs again, in a small set and in a large one.
// No process, no clock, no file: the kernel here answers each effect at once.
import { effectiveUnit } from '../../src/config/effective.ts';
import { loadSet } from '../../src/config/load-set.ts';
import type { Instant, Outputs } from '../../src/core/converge.ts';
import { converge, deliver } from '../../src/core/converge.ts';
import type { Fleet } from '../../src/core/fleet.ts';
import { isUp, newFleet } from '../../src/core/fleet.ts';
import type { MachineEvent } from '../../src/core/machine-state.ts';
import { commit, plan } from '../../src/core/reconcile.ts';
import type { UnitSpec } from '../../src/model/unit.ts';
import { unitName } from './bench-daemon.ts';
import type { Figure, Measure } from './figures.ts';
import { ratios } from './figures.ts';

const SMALL = 100;
const LARGE = 10_000;
const ROUNDS = 15;
const EVENTS = 3_000;
/** A database and those that need it: a unit's neighbours do not grow with the set. */
const GROUP = 10;

class World {
  readonly fleet: Fleet = newFleet();
  readonly #facts: { readonly unit: string; readonly event: MachineEvent }[] = [];
  readonly #names: readonly string[];
  readonly #outputs: Outputs = [];
  #pids = 0;
  #nowMs = 0;

  constructor(specs: ReadonlyMap<string, UnitSpec>) {
    this.#names = [...specs.keys()];
    const draft = plan(specs, this.fleet, effectiveUnit);
    commit(specs, draft, this.fleet, this.#instant(), this.#outputs);
    this.#settle();
    for (const unit of this.fleet.units.values()) {
      if (!isUp(unit)) throw new Error(`unit "${unit.spec.name}" is ${unit.state.phase.at}, expected up`);
    }
  }

  get size(): number {
    return this.#names.length;
  }

  /** One main process dies; returns when its unit runs again. */
  crash(at: number): void {
    const name = this.#names[at % this.#names.length] ?? '';
    const before = this.fleet.units.get(name)?.state;
    const main = before?.phase.at === 'running' ? before.phase.main : null;
    if (before === undefined || main === null) throw new Error(`unit "${name}" does not run`);
    this.#nowMs += 1;
    const status = { code: 1, signal: null, coreDumped: false };
    this.#facts.push({ unit: name, event: { type: 'exited', run: main.id, status } });
    this.#settle();
    const after = this.fleet.units.get(name)?.state;
    if (after?.phase.at !== 'running' || after.activation === before.activation) {
      throw new Error(`unit "${name}" is ${after?.phase.at}, expected to run again`);
    }
  }

  #settle(): void {
    for (;;) {
      const fact = this.#facts.shift();
      if (fact !== undefined) deliver(this.fleet, fact.unit, fact.event, this.#instant(), this.#outputs);
      else if (this.fleet.dirty.size > 0) converge(this.fleet, this.#instant(), this.#outputs);
      else return;
      this.#answer();
    }
  }

  #answer(): void {
    for (const output of this.#outputs) {
      const { unit } = output;
      if (output.type === 'effect' && output.effect.type === 'spawn') {
        this.#pids += 1;
        const process = { pid: this.#pids, startTicks: this.#pids };
        this.#facts.push({ unit, event: { type: 'spawned', run: output.effect.run, process } });
      }
      if (output.type === 'effect' && output.effect.type === 'survey') {
        this.#facts.push({ unit, event: { type: 'surveyed', survivors: false } });
      }
      const phase = output.type === 'touched' ? this.fleet.units.get(unit)?.state.phase : undefined;
      if (phase?.at === 'backoff') {
        this.#facts.push({ unit, event: { type: 'deadline-passed', deadline: phase.deadline } });
      }
    }
    this.#outputs.length = 0;
  }

  #instant(): Instant {
    return { nowMs: this.#nowMs, wallMs: 1.7e12 + this.#nowMs, random: 0.5 };
  }
}

function specsOf(count: number): ReadonlyMap<string, UnitSpec> {
  const text = 'command: /bin/true\nrestart: { delay: 0s, jitter: 0 }\n';
  const loaded = loadSet([{ name: 'model', file: 'model.yaml', bytes: Buffer.from(text) }]);
  const model = loaded.specs.get('model');
  if (model === undefined) throw new Error(loaded.problems.map(({ message }) => message).join('\n'));
  const specs = new Map<string, UnitSpec>();
  for (let at = 0; at < count; at += 1) {
    const name = unitName(at);
    const requires = at % GROUP === 0 ? [] : [unitName(at - (at % GROUP))];
    specs.set(name, { ...model, name, requires });
  }
  return specs;
}

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
