// A capture that dies at each of its steps, which are the calls that change a file: before it, in the middle of it
// (half of the bytes are written) and after it. The next one goes on from there and dies in its own first steps, a
// third one brings it home. Whatever was in hand: every line is in the log once, whole and in order.
import assert from 'node:assert/strict';
import fs, { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { mock, test, type TestContext } from 'node:test';
import { Capture } from '../../../src/logs/capture.ts';
import type { LogFormat } from '../../../src/model/unit.ts';
import type { Readiness } from '../../../src/os/ports.ts';
import {
  SPEC,
  entries,
  handClock,
  pipes,
  readinessFor,
  temporaryDirectory,
} from '../../fixtures/log-setup.ts';
import { cleanUp } from '../../support/cleanup.ts';

class Killed extends Error {}

const KINDS = ['before', 'half', 'after'] as const;

interface KillPoint {
  readonly step: number;
  readonly kind: (typeof KINDS)[number];
}

/** Stands before node:fs, and lets nothing pass once its time has come. */
class Reaper {
  readonly #killPoint: KillPoint | null;
  steps = 0;
  isDead = false;

  constructor(killPoint: KillPoint | null) {
    this.#killPoint = killPoint;
  }

  now<T>(all: () => T, half?: () => T): T {
    const result = this.#next(all, half)?.();
    if (this.isDead) throw new Killed();
    return result as T;
  }

  async later<T>(all: () => Promise<T>, half?: () => Promise<T>): Promise<T> {
    const result = await this.#next(all, half)?.();
    if (this.isDead) throw new Killed();
    return result as T;
  }

  #next<T>(all: () => T, half: () => T = all): (() => T) | null {
    if (this.isDead) return null;
    this.steps += 1;
    if (this.steps !== this.#killPoint?.step) return all;
    this.isDead = true;
    const { kind } = this.#killPoint;
    return kind === 'before' ? null : kind === 'half' ? half : all;
  }
}

const real = { ...fs, promises: { ...fs.promises } };

/** Has every call that changes a file pass by the reaper; what it returns takes that back. */
function patch(reaper: Reaper, handles: FileHandle): () => void {
  const gate = (name: 'unlinkSync' | 'ftruncateSync'): unknown =>
    mock.method(fs, name, (...args: [never, never]) => reaper.now(() => real[name](...args)));
  const gatePromise = (name: 'rename' | 'unlink' | 'truncate' | 'appendFile'): unknown =>
    mock.method(fs.promises, name, (...args: [never, never]) =>
      reaper.later(() => real.promises[name](...args)),
    );
  gate('unlinkSync');
  gate('ftruncateSync');
  for (const name of ['rename', 'unlink', 'truncate', 'appendFile'] as const) gatePromise(name);
  mock.method(fs, 'writeSync', (fd: number, bytes: Buffer, from: number, length: number, at: number) =>
    reaper.now(
      () => real.writeSync(fd, bytes, from, length, at),
      () => real.writeSync(fd, bytes, from, length >> 1, at),
    ),
  );
  mock.method(fs, 'readSync', (...args: Parameters<typeof fs.readSync>) => {
    if (reaper.isDead) throw new Killed();
    return real.readSync(...args);
  });
  mock.method(fs, 'openSync', (...args: Parameters<typeof fs.openSync>) =>
    (Number(args[1]) & constants.O_CREAT) === 0
      ? real.openSync(...args)
      : reaper.now(() => real.openSync(...args)),
  );
  const proto: FileHandle = Object.getPrototypeOf(handles);
  const { write } = proto;
  mock.method(proto, 'write', function (this: FileHandle, bytes: Buffer) {
    return reaper.later(
      () => Reflect.apply(write, this, [bytes]),
      () => Reflect.apply(write, this, [bytes.subarray(0, bytes.length >> 1)]),
    );
  });
  syncBuiltinESMExports();
  return () => {
    mock.restoreAll();
    syncBuiltinESMExports();
  };
}

interface Piece {
  readonly fd: number;
  readonly bytes: string;
  /** Lines that are complete once it is written, of both streams together: they are waited for. */
  readonly lines: number;
  /** The run ends with it. */
  readonly isLast?: boolean;
}

interface World {
  readonly directory: string;
  readonly log: string;
  readonly format: LogFormat;
  readonly readiness: Readiness;
  readonly paths: readonly [string, string];
  /** What the child has not written yet. */
  readonly pieces: Piece[];
  /** A run has ended, and of none that came after it anything has been heard. */
  isBetweenRuns: boolean;
  readonly wanted: Readonly<Record<'stdout' | 'stderr', readonly string[]>>;
}

/** A child that has written nothing yet. */
function createWorld(t: TestContext, format: LogFormat, readiness: Readiness, script: Script): World {
  const directory = temporaryDirectory(t);
  const { stdoutPath, stderrPath, stdoutFd, stderrFd } = pipes(t, directory);
  for (const fd of [stdoutFd, stderrFd]) real.closeSync(fd);
  const fds = [stdoutPath, stderrPath].map((path) => real.openSync(path, constants.O_RDWR));
  cleanUp(t, () => fds.forEach((fd) => real.closeSync(fd)));
  return {
    directory,
    log: join(directory, 'log'),
    format,
    readiness,
    paths: [stdoutPath, stderrPath],
    isBetweenRuns: false,
    ...script(format, fds),
  };
}

type Script = (format: LogFormat, fds: readonly number[]) => Pick<World, 'pieces' | 'wanted'>;

/** Lines of several lengths, cut anywhere into what is written at once. */
const oneRun: Script = (format, fds) => {
  const long = format === 'raw' ? 90 : 20_000;
  const linesOf = (stream: string): string[] =>
    Array.from({ length: 14 }, (_, index) =>
      `${stream} ${index} `.padEnd(index === 5 ? long : 9 + 7 * index, '.'),
    );
  const wanted = { stdout: linesOf('stdout'), stderr: linesOf('stderr') };
  const texts = [wanted.stdout, wanted.stderr].map((lines) => lines.map((line) => `${line}\n`).join(''));
  const pieces: Piece[] = [];
  let complete = 0;
  for (let part = 0; part < 4; part += 1) {
    for (const [index, text] of texts.entries()) {
      const bytes = text.slice(
        Math.floor((text.length * part) / 4),
        Math.floor((text.length * (part + 1)) / 4),
      );
      complete += bytes.split('\n').length - 1;
      pieces.push({ fd: fds[index] ?? -1, bytes, lines: complete });
    }
  }
  return { pieces, wanted };
};

/** Runs that end with a line that does not; the next one has begun before that line is in the log. */
const manyRuns: Script = (_format, fds) => {
  const wanted = { stdout: [] as string[], stderr: [] as string[] };
  const pieces: Piece[] = [];
  for (let run = 0; run < 12; run += 1) {
    const [stream, index] = run % 3 === 2 ? (['stderr', 1] as const) : (['stdout', 0] as const);
    const text = `${stream} of run ${run}`;
    wanted[stream].push(text);
    pieces.push({ fd: fds[index] ?? -1, bytes: text, lines: 0, isLast: true });
  }
  return { pieces, wanted };
};

/** One capture's life; gives how many steps it had. */
async function live(world: World, handles: FileHandle, killPoint: KillPoint | null): Promise<Reaper> {
  const { directory, log, format, readiness } = world;
  const written = (await entries(log)).length;
  const [stdoutFd = -1, stderrFd = -1] = world.paths.map((path) =>
    real.openSync(path, constants.O_RDWR | constants.O_NONBLOCK),
  );
  const reaper = new Reaper(killPoint);
  const restore = patch(reaper, handles);
  try {
    const capture = new Capture({
      unit: 'web',
      directory: log,
      spec: { ...SPEC, format, maxSizeBytes: 900, compress: true },
      stdoutFd,
      stderrFd,
      readiness,
      spoolPath: join(directory, 'web.spool'),
      bootId: 'this boot',
      clock: handClock(),
      earlier: null,
      onProblem: (problem) => assert.ok(reaper.isDead, problem ?? ''),
      onRisk: (message) => assert.ok(reaper.isDead, message),
    });
    // A daemon that finds a run to have ended says so, whether the one before it came to that or not.
    if (world.isBetweenRuns) void capture.settle();
    for (let piece = world.pieces[0]; piece !== undefined && !reaper.isDead; piece = world.pieces[0]) {
      world.pieces.shift();
      real.writeSync(piece.fd, piece.bytes);
      world.isBetweenRuns = piece.isLast === true;
      if (world.isBetweenRuns) void capture.settle();
      while (!reaper.isDead && capture.stats().lines < piece.lines - written)
        // A turn that leaves the processor to those who write: it asks the disk something.
        await real.promises.access(directory);
    }
    await capture.close(false);
  } finally {
    restore();
  }
  return reaper;
}

async function linesIn(world: World): Promise<Record<'stdout' | 'stderr', string[]>> {
  const found: Record<'stdout' | 'stderr', string[]> = { stdout: [], stderr: [] };
  // The reader, for it passes over what stands in two forms between the end of a compression and its removal.
  for (const { stream, text } of await entries(world.log)) {
    found[stream ?? (text.startsWith('stdout') ? 'stdout' : 'stderr')].push(text);
  }
  return found;
}

for (const [format, standing, what, script] of [
  ['cri', 1, '', oneRun],
  ['json', 3, '', oneRun],
  ['raw', 2, '', oneRun],
  ['cri', 1, ' with lines that end with their runs', manyRuns],
] as const) {
  const stride = Number(process.env['UNITD_TEST_KILL_STRIDE'] ?? standing);
  test(`capture ${format}${what}, killed at each step: every line once, whole, in order, whoever goes on`, async (t) => {
    const readiness = readinessFor(t);
    const handles = await real.promises.open('/dev/null');
    t.after(async () => await handles.close());
    const whole = createWorld(t, format, readiness, script);
    const { steps } = await live(whole, handles, null);
    assert.deepEqual(await linesIn(whole), whole.wanted);
    assert.ok(steps >= 10, `${steps} steps: the life is shorter than it looks`);
    t.diagnostic(`${steps} steps`);
    for (let step = 1; step <= steps; step += stride) {
      for (const kind of KINDS) {
        const world = createWorld(t, format, readiness, script);
        const first = await live(world, handles, { step, kind });
        await live(world, handles, { step: 1 + ((step * 5) % 11), kind });
        await live(world, handles, null);
        const message = `killed at step ${step} of ${steps} (${first.steps}), ${kind}`;
        assert.deepEqual(await linesIn(world), world.wanted, message);
        assert.deepEqual(fs.existsSync(join(world.directory, 'web.spool')), false, message);
      }
    }
  });
}
