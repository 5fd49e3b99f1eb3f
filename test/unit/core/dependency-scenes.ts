// The scenes of the dependency table: two units, A that names B in one field, one thing that happens, and what then
// becomes of both, in one word each.
import assert from 'node:assert/strict';
import { needsStop } from '../../../src/core/fleet.ts';
import { publicState } from '../../../src/core/view.ts';
import type { DependencyField } from '../../../src/model/unit.ts';
import * as world from '../../property/fleet-world.ts';
import { command, unitSpec } from './unit-spec.ts';
import type { SpecChange } from './unit-spec.ts';

/** One thing that happens to A, which names B, or to B. */
export interface Scene {
  /** What the man page says above the column. */
  readonly title: string;
  readonly play: (stage: Stage) => void;
}

interface Stage {
  /** Loads A and B; A names B in the field under test. Both are enabled unless said otherwise. */
  readonly load: (a: SpecChange, b: SpecChange) => void;
  readonly operate: (name: string, verb: 'start' | 'stop' | 'restart') => void;
  /** The main process ends. */
  readonly end: (name: string, how: 'crash' | 'cleanly') => void;
  /** Nothing of this unit can be spawned until it is mended. */
  readonly break: (name: string) => void;
  readonly mend: (name: string) => void;
  readonly passDeadlines: () => void;
  /** What is so now is what `before` is compared with. */
  readonly mark: () => void;
}

const DISABLED = { enabled: false };
const ONCE = { restart: { policy: 'no' } } as const;

/** Keys in the order of the table's columns. */
export const SCENES = {
  aStarts: {
    title: 'neither is up and B is not enabled; A is started',
    play: ({ load, operate }) => {
      load(DISABLED, DISABLED);
      operate('A', 'start');
    },
  },
  aStartsBesideB: {
    title: 'B is up; A is started',
    play: ({ load, operate, mark }) => {
      load(DISABLED, DISABLED);
      operate('B', 'start');
      mark();
      operate('A', 'start');
    },
  },
  bStartsBesideA: {
    title: 'A is up; B is started',
    play: ({ load, operate, mark }) => {
      load({}, DISABLED);
      mark();
      operate('B', 'start');
    },
  },
  bFails: {
    title: 'both are enabled; B cannot be started',
    play: ({ load, break: breaks }) => {
      breaks('B');
      load({}, ONCE);
    },
  },
  bRecovers: {
    title: 'after that, B is started by the operator',
    play: ({ load, operate, break: breaks, mend, mark }) => {
      breaks('B');
      load({}, ONCE);
      mend('B');
      mark();
      operate('B', 'start');
    },
  },
  bIsStopped: {
    title: 'both are up; the operator stops B',
    play: ({ load, operate, mark }) => {
      load({}, {});
      mark();
      operate('B', 'stop');
    },
  },
  bIsRestarted: {
    title: 'both are up; the operator restarts B',
    play: ({ load, operate, mark }) => {
      load({}, {});
      mark();
      operate('B', 'restart');
    },
  },
  bCrashes: {
    title: 'both are up; B crashes, and is to be restarted',
    play: ({ load, end, mark }) => {
      load({}, {});
      mark();
      end('B', 'crash');
    },
  },
  bComesBack: {
    title: 'after that, B is up again',
    play: ({ load, end, mark, passDeadlines }) => {
      load({}, {});
      mark();
      end('B', 'crash');
      passDeadlines();
    },
  },
  bEnds: {
    title: 'both are up; B exits cleanly, and its policy is not to be restarted',
    play: ({ load, end, mark, passDeadlines }) => {
      load({}, ONCE);
      mark();
      end('B', 'cleanly');
      passDeadlines();
    },
  },
  bDies: {
    title: 'both are up; B crashes, and its policy is not to be restarted',
    play: ({ load, end, mark, passDeadlines }) => {
      load({}, ONCE);
      mark();
      end('B', 'crash');
      passDeadlines();
    },
  },
  bIsChanged: {
    title: 'both are up; a reload restarts B',
    play: ({ load, mark }) => {
      load({}, {});
      mark();
      load({}, { command: command('/bin/other') });
    },
  },
  aIsStopped: {
    title: 'both are up; the operator stops A',
    play: ({ load, operate, mark }) => {
      load({}, {});
      mark();
      operate('A', 'stop');
    },
  },
  aIsRestarted: {
    title: 'both are up; the operator restarts A',
    play: ({ load, operate, mark }) => {
      load({}, {});
      mark();
      operate('A', 'restart');
    },
  },
  aAloneIsStopped: {
    title: 'A is up, B is not enabled; the operator stops A',
    play: ({ load, operate, mark }) => {
      load({}, DISABLED);
      mark();
      operate('A', 'stop');
    },
  },
  aFails: {
    title: 'A is up, B is not enabled; A crashes for good',
    play: ({ load, end, mark }) => {
      load(ONCE, DISABLED);
      mark();
      end('A', 'crash');
    },
  },
  aSucceeds: {
    title: 'A is up, B is not enabled; A exits cleanly for good',
    play: ({ load, end, mark }) => {
      load(ONCE, DISABLED);
      mark();
      end('A', 'cleanly');
    },
  },
} as const satisfies Readonly<Record<string, Scene>>;

export type SceneName = keyof typeof SCENES;

/** `A becomes, B becomes`: a state of DESIGN 2.3, or `runs on`, `started`, `restarted` for one that is up. */
export function outcomeOf(field: DependencyField, { play }: Scene): string {
  const on = world.newWorld(1, world.NO_FAULTS);
  let before = new Map<string, number>();
  const mark = (): void => {
    before = new Map(
      [...on.fleet.units]
        .filter(([, unit]) => needsStop(unit))
        .map(([name, unit]) => [name, unit.state.activation]),
    );
  };
  play({
    load: (a, b) => {
      world.reload(on, [unitSpec('A', { ...a, [field]: ['B'] }), unitSpec('B', b)]);
      tellAll(on);
    },
    operate: (name, verb) => {
      world.command(on, name, verb);
      tellAll(on);
    },
    end: (name, how) => {
      world.endMain(on, name, {
        code: how === 'crash' ? null : 0,
        signal: how === 'crash' ? 'SIGSEGV' : null,
        coreDumped: false,
      });
      tellAll(on);
    },
    break: (name) => on.broken.add(name),
    mend: (name) => on.broken.delete(name),
    passDeadlines: () => {
      assert.equal(world.comeToRest(on), true);
    },
    mark,
  });
  return ['A', 'B'].map((name) => wordFor(on, name, before)).join(', ');
}

/** Which of two units that are brought up, and down, at once goes first. */
export function orderOf(field: DependencyField): { readonly up: string; readonly down: string } {
  const on = world.newWorld(1, world.NO_FAULTS);
  world.reload(on, [unitSpec('A', { [field]: ['B'] }), unitSpec('B')]);
  const up = movedAtOnce(on);
  tellAll(on);
  world.shutDown(on);
  return { up, down: movedAtOnce(on) };
}

function movedAtOnce(on: world.World): string {
  const moving = [...on.fleet.units.values()].filter(
    (unit) => unit.state.phase.at === 'starting' || unit.state.phase.at === 'stopping',
  );
  return moving.length === 2 ? 'together' : `${moving.map((unit) => unit.spec.name).join()} first`;
}

function tellAll(on: world.World): void {
  while (world.tellNews(on, 0));
}

function wordFor(on: world.World, name: string, before: ReadonlyMap<string, number>): string {
  const unit = on.fleet.units.get(name);
  assert.ok(unit !== undefined);
  const state = publicState(unit);
  if (state !== 'running') return state;
  const activation = before.get(name);
  if (activation === undefined) return 'started';
  return activation === unit.state.activation ? 'runs on' : 'restarted';
}
