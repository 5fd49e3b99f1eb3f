// A daemon's answers over the rig: real unit files and state files in a directory of the test, the control interface
// that the API calls, and a count of how often the unit files were read.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Answers } from '../../src/daemon/answers.ts';
import type { Answer, Progress } from '../../src/daemon/control.ts';
import { EventHub } from '../../src/daemon/event-hub.ts';
import { HandedOperations } from '../../src/daemon/handed-operations.ts';
import { Outputs } from '../../src/daemon/outputs.ts';
import { Records } from '../../src/daemon/records.ts';
import { Reloader } from '../../src/daemon/reload.ts';
import type { Applied } from '../../src/daemon/reload.ts';
import { Sampler } from '../../src/daemon/sampler.ts';
import { Store } from '../../src/daemon/store.ts';
import type { Stored } from '../../src/daemon/store.ts';
import { UnitDirectory } from '../../src/daemon/unit-directory.ts';
import type { UnitSet } from '../../src/daemon/unit-set.ts';
import type {
  MovedUnit,
  OperationDocument,
  ProblemDetails,
  ReloadRequest,
  UnitRequest,
  UnitVerb,
} from '../../src/wire/v1.ts';
import type { Usage } from '../../src/os/ports.ts';
import { createReadiness } from '../../src/os/readiness.ts';
import { cleanUp } from '../support/cleanup.ts';
import { dedent } from '../support/dedent.ts';
import { createRig } from './rig.ts';
import type { Rig } from './rig.ts';

/** From a word to the sampler until it measures. */
export const MEASURED_MS = 5_000;

class CountingDirectory extends UnitDirectory {
  loads = 0;

  override async load(): Promise<UnitSet> {
    this.loads += 1;
    return await super.load();
  }
}

/** An answer that is under way. */
export interface Asked {
  /** Resolves when it was taken in, or has been answered, and the world is at rest. */
  taken(): Promise<void>;
  /** The answer, once there is one; the world is brought to rest first. */
  answer(): Promise<Answer<OperationDocument>>;
  /** Its rows, likewise. */
  rows(): Promise<readonly MovedUnit[]>;
  /** Whether there is one yet. */
  isAnswered(): boolean;
  /** States that were told on the way. */
  readonly told: readonly string[];
  hangUp(): void;
}

export interface ControlRig extends Rig {
  readonly control: Answers;
  readonly directory: CountingDirectory;
  readonly reloader: Reloader;
  readonly records: Records;
  /** Measures when it is woken. */
  readonly sampler: Sampler;
  readonly paths: { readonly units: string; readonly state: string };
  readonly troubles: readonly string[];
  /** Writes units.d/NAME.yaml; `sh` of the text stands for a command. */
  write(name: string, yaml: string): void;
  remove(name: string): void;
  /** As the daemon's start does. */
  boot(): Promise<Applied>;
  reload(request?: ReloadRequest): Asked;
  ask(name: string, verb: UnitVerb, request?: UnitRequest): Asked;
  /** What is on the disk now. */
  stored(): Promise<Stored>;
}

/** `home`: the directories of an earlier rig, for a daemon that is started again. */
export function createControlRig(t: TestContext, home?: string): ControlRig & { readonly home: string } {
  const rig = createRig();
  const top = home ?? mkdtempSync(join(tmpdir(), 'unitd-daemon-'));
  if (home === undefined) cleanUp(t, () => rmSync(top, { recursive: true, force: true }));
  const paths = {
    units: join(top, 'units.d'),
    runtime: join(top, 'run'),
    state: join(top, 'state'),
    logs: join(top, 'log'),
  };
  for (const path of Object.values(paths)) mkdirSync(path, { recursive: true });
  const { clock, processes, supervisor, effects, operations } = rig;
  const troubles: string[] = [];
  const records = new Records({
    paths,
    bootId: 'this boot',
    holdsRuntime: () => true,
    hasState: true,
    log: { write: (_level, _event, message) => troubles.push(message), close: () => undefined },
  });
  cleanUp(t, async () => {
    records.closeJournal(false);
    await records.close();
  });
  const directory = new CountingDirectory(paths.units, true);
  const onApplied: (() => void)[] = [];
  const reloader = new Reloader({
    expectSpawns: () => processes.expectSpawns(),
    directory,
    supervisor,
    records,
    adopt: () => undefined,
    onMoved: () => undefined,
    onApplied: () => {
      for (const tell of onApplied.splice(0)) tell();
    },
  });
  const ignore = (): void => undefined;
  const readiness = createReadiness();
  cleanUp(t, () => readiness.close());
  const outputs = new Outputs({
    fifoDirectory: join(paths.runtime, 'fifo'),
    logDirectory: paths.logs,
    bootId: 'this boot',
    clock,
    readiness,
    onProblem: ignore,
    onTrouble: ignore,
  });
  const sources = { cpu: 'pidusage', memory: 'pidusage', tasks: 'pidusage' } as const;
  const sampler = new Sampler({
    clock,
    meter: {
      sources,
      sample: async (trees, membersOf) => {
        const usages = new Map<string, Usage>();
        for (const key of trees.keys()) {
          const tasks = membersOf(key).length;
          if (tasks === 0) continue;
          usages.set(key, {
            cpuPercent: 1,
            memoryBytes: 4096 * tasks,
            tasks,
            memoryPeakBytes: null,
            sources,
          });
        }
        return await Promise.resolve(usages);
      },
      forget: ignore,
    },
    intervalMs: MEASURED_MS,
    trees: () => new Map([...supervisor.fleet.units.keys()].map((name) => [name, effects.treeOf(name)])),
    members: (name) => effects.members(name),
    onSample: ignore,
    onTrouble: ignore,
  });
  const hub = new EventHub(() => clock.wallMs());
  const control = new Answers({
    paths,
    origin: { version: '0.0.0', startedWall: clock.wallMs(), replacedWall: null, replaceFailure: null },
    clock,
    processes,
    supervisor,
    effects,
    outputs,
    reloader,
    operations,
    sampler,
    intents: records.intents,
    hub,
    handed: new HandedOperations([]),
    reexec: () => Promise.reject(new Error('nobody asks for it')),
  });

  const begun = (
    ask: (progress: Progress, hangup: AbortSignal) => Promise<Answer<OperationDocument>>,
    applied: Promise<void>,
  ): Asked => {
    const line = new AbortController();
    let isAnswered = false;
    const told: string[] = [];
    const progress: Progress = ({ unit, state, reason }) => told.push(`${unit} ${state}: ${reason}`);
    const answered = ask(progress, line.signal).finally(() => {
      isAnswered = true;
    });
    const taken = async (): Promise<void> => {
      await Promise.race([applied, answered]);
      await rig.rest();
      // An answer waits for the disk, too.
      await records.intents.written();
      await rig.rest();
    };
    const answer = async (): Promise<Answer<OperationDocument>> => {
      await taken();
      return await answered;
    };
    return {
      taken,
      answer,
      rows: async () => valueOf(await answer()).units,
      isAnswered: () => isAnswered,
      told,
      hangUp: () => line.abort(),
    };
  };

  return {
    ...rig,
    home: top,
    control,
    directory,
    reloader,
    records,
    sampler,
    paths,
    troubles,
    write: (name, yaml) => writeFileSync(join(paths.units, `${name}.yaml`), dedent(yaml)),
    remove: (name) => rmSync(join(paths.units, `${name}.yaml`)),
    boot: async () => {
      const { lastGood } = records.open();
      const applied = await reloader.boot({ lastGood, left: null, standing: null });
      await rig.rest();
      return applied;
    },
    reload: (request = {}) => {
      const applied = new Promise<void>((resolve) => onApplied.push(resolve));
      return begun(async (progress, hangup) => await control.reload(request, progress, hangup), applied);
    },
    ask: (name, verb, request = {}) =>
      begun(
        async (progress, hangup) => await control.operate(name, verb, request, progress, hangup),
        Promise.resolve(),
      ),
    stored: async () => {
      await records.intents.written();
      return new Store(paths.state, (message) => troubles.push(message)).read();
    },
  };
}

export function valueOf<T>(answer: Answer<T>): T {
  if (!answer.ok) throw new Error(`refused: ${JSON.stringify(answer.error)}`);
  return answer.value;
}

export function refusalOf(answer: Answer<unknown>): ProblemDetails {
  if (answer.ok) throw new Error('it was not refused');
  return answer.error;
}
