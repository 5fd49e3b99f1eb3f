// A set of units in the pure core over a kernel that answers each effect at once: no process, no clock, no file.
import { effectiveUnit } from '../../src/config/effective.ts';
import { loadSet } from '../../src/config/load-set.ts';
import type { Instant, Outputs } from '../../src/core/converge.ts';
import { converge, deliver } from '../../src/core/converge.ts';
import type { Fleet } from '../../src/core/fleet.ts';
import { isUp, newFleet } from '../../src/core/fleet.ts';
import type { MachineEvent } from '../../src/core/machine-state.ts';
import { commit, planning } from '../../src/core/reconcile.ts';
import { atOnce } from '../../src/core/steps.ts';
import type { UnitSpec } from '../../src/model/unit.ts';
import { unitName } from './bench-daemon.ts';

/** A database and those that need it: a unit's neighbours do not grow with the set. */
const GROUP = 10;

export class World {
  readonly fleet: Fleet = newFleet();
  readonly #facts: { readonly unit: string; readonly event: MachineEvent }[] = [];
  readonly #names: readonly string[];
  readonly #outputs: Outputs = [];
  #pids = 0;
  #events = 0;
  #nowMs = 0;

  constructor(specs: ReadonlyMap<string, UnitSpec>) {
    this.#names = [...specs.keys()];
    const decision = atOnce(planning(specs, this.fleet, effectiveUnit));
    commit(specs, decision, this.fleet, this.#instant(), this.#outputs);
    this.#settle();
    for (const unit of this.fleet.units.values()) {
      if (!isUp(unit)) throw new Error(`unit "${unit.spec.name}" is ${unit.state.phase.at}, expected up`);
    }
  }

  /** Facts that have been delivered so far. */
  get events(): number {
    return this.#events;
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
      if (fact !== undefined) {
        this.#events += 1;
        deliver(this.fleet, fact.unit, fact.event, this.#instant(), this.#outputs);
      } else if (this.fleet.dirty.size > 0) converge(this.fleet, this.#instant(), this.#outputs);
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

export function specsOf(count: number): ReadonlyMap<string, UnitSpec> {
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
