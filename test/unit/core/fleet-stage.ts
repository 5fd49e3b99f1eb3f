// A fleet on the simulated machine for tests by example: units in, what became of them out, in words.
import { publicState, reasonOf } from '../../../src/core/view.ts';
import type { UnitSpec } from '../../../src/model/unit.ts';
import * as world from '../../property/fleet-world.ts';

/** A world without faults that holds these units; everything that can happen at once has happened. */
export function settled(...specs: readonly UnitSpec[]): world.World {
  const on = world.newWorld(1, world.NO_FAULTS);
  load(on, ...specs);
  return on;
}

/** Reloads, lets it all happen, and gives the plan's rows: `restart web: command changed`. */
export function load(on: world.World, ...specs: readonly UnitSpec[]): readonly string[] {
  const { units } = world.reload(on, specs);
  tellAll(on);
  return units.map((row) => `${row.action} ${row.name}: ${row.reason}`);
}

export function operate(on: world.World, name: string, verb: Parameters<typeof world.command>[2]): void {
  world.command(on, name, verb);
  tellAll(on);
}

export function tellAll(on: world.World): void {
  while (world.tellNews(on, 0));
}

/** `running`, `waiting: waiting for "db", which is starting`. */
export function standing(on: world.World, name: string): string {
  const unit = on.fleet.units.get(name);
  if (unit === undefined) return 'unknown';
  const state = publicState(unit);
  return state === 'running' ? state : `${state}: ${reasonOf(unit)}`;
}

export function crash(on: world.World, name: string, code = 1): void {
  world.endMain(on, name, { code, signal: null, coreDumped: false });
  tellAll(on);
}
