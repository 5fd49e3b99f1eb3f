// Faults for the daemon of an end-to-end test: calls of libc that fail, or at which the daemon is killed.
//
//   withFaults(user, 'title', async (t, faults, options) => {
//     const unitd = await startUnitd(t, {...}, options);
//     faults.fail({ call: 'write', below: unitd.state, error: 'ENOSPC' });
//     faults.mend();
//     faults.killAt(17, unitd.root);
//   });
//
// The shim is compiled here, once for each run of the tests; it touches the daemon alone, neither clients nor units.
import { execFileSync } from 'node:child_process';
import { chmodSync, closeSync, existsSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { packageRoot } from '../../src/base/package-root.ts';
import { temporaryDirectory } from './child.ts';
import { cleanUp } from './cleanup.ts';
import type { StartOptions } from './unitd.ts';
import type { UserCase } from './users.ts';

export const NO_COMPILER = 'needs a C compiler (cc)';

export type FaultyCall =
  | 'write' // and writev, pwrite, pwritev, splice to
  | 'splice'
  | 'open' // to write or to create
  | 'read-open'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'mkfifo'
  | 'ftruncate'
  | 'fsync' // and fdatasync
  | 'posix_spawn'
  | 'kill'
  | 'pidfd_send_signal'
  | 'flock'
  | 'prlimit'
  | 'waitid';

export interface Fault {
  readonly call: FaultyCall;
  /** The paths that it holds for begin with this; calls without a path take no notice. */
  readonly below?: string;
  /** hangs: the call takes until the fault is mended, and then goes well. */
  readonly error: 'ENOSPC' | 'EIO' | 'EROFS' | 'EMFILE' | 'EAGAIN' | 'ENOMEM' | 'EACCES' | 'EPERM' | 'hangs';
  /** How often; for ever if it is left out. */
  readonly times?: number;
}

/** Every way in which a directory may refuse what is written to it. */
export const REFUSALS = ['full', 'failing', 'read-only'] as const;

export function refusalsOf(below: string, how: (typeof REFUSALS)[number]): readonly Fault[] {
  if (how === 'full') return [{ call: 'write', below, error: 'ENOSPC' }];
  if (how === 'failing') {
    return (['write', 'fsync', 'ftruncate'] as const).map((call) => ({ call, below, error: 'EIO' }));
  }
  // As one that the kernel made so, after an error: what is open is refused too.
  const calls = ['write', 'open', 'rename', 'unlink', 'mkdir', 'mkfifo', 'ftruncate'] as const;
  return calls.map((call) => ({ call, below, error: 'EROFS' }));
}

export interface Faults {
  /** For the daemon's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** These faults and no other, from now on. */
  fail(...faults: readonly Fault[]): void;
  /** Puts the daemon's wall clock so far ahead (or behind, below 0) of the machine's, and mends all else. */
  moveWallClock(seconds: number): void;
  /** No faults, no kill, the machine's clock. */
  mend(): void;
  /** Kills the daemon instead of its call number `number` from now on that changes something below `root` or in the process table. */
  killAt(number: number, root: string): void;
}

// As struct control in fault-shim.c.
const HANGS = -1;
const RULES = 16;
const RULE_BYTES = 32 + 224 + 4 + 4;
const ROOT_BYTES = 256;
const ROOT_AT = 8 + 8 + 8;
const RULES_AT = ROOT_AT + ROOT_BYTES;
const CONTROL_BYTES = RULES_AT + RULES * RULE_BYTES;

/** Null where there is no compiler. */
export function openFaults(t: TestContext): Faults | null {
  const shim = compiledShim();
  if (shim === null) return null;
  const path = join(temporaryDirectory(t), 'faults');
  writeFileSync(path, Buffer.alloc(CONTROL_BYTES));
  // The daemon may be another user's.
  chmodSync(path, 0o666);
  const fd = openSync(path, 'r+');
  cleanUp(t, () => closeSync(fd));
  const set = (bytes: Buffer): void => void writeSync(fd, bytes, 0, bytes.length, 0);
  return {
    env: { LD_PRELOAD: shim, UNITD_FAULTS: path },
    fail: (...faults) => {
      if (faults.length > RULES)
        throw new Error(`cannot set ${faults.length} faults, expected at most ${RULES}`);
      const bytes = Buffer.alloc(CONTROL_BYTES);
      bytes.write('/', ROOT_AT);
      for (const [index, { call, below = '', error, times = -1 }] of faults.entries()) {
        const at = RULES_AT + index * RULE_BYTES;
        bytes.write(call, at);
        bytes.write(below, at + 32);
        bytes.writeInt32LE(error === 'hangs' ? HANGS : constants.errno[error], at + 256);
        bytes.writeInt32LE(times, at + 260);
      }
      set(bytes);
    },
    moveWallClock: (seconds) => {
      const bytes = Buffer.alloc(CONTROL_BYTES);
      bytes.writeBigInt64LE(BigInt(seconds), 16);
      set(bytes);
    },
    mend: () => {
      set(Buffer.alloc(CONTROL_BYTES));
    },
    killAt: (number, root) => {
      const bytes = Buffer.alloc(CONTROL_BYTES);
      bytes.writeBigInt64LE(BigInt(number), 8);
      bytes.write(root, ROOT_AT);
      set(bytes);
    },
  };
}

/** A test as this user; `options` are for the daemon that the faults are for. */
export function withFaults(
  { as, skip, options }: UserCase,
  title: string,
  run: (t: TestContext, faults: Faults, options: StartOptions) => Promise<void>,
): void {
  test(`as ${as}: ${title}`, { skip }, async (t) => {
    const faults = openFaults(t);
    if (faults === null) t.skip(NO_COMPILER);
    else await run(t, faults, { ...options, env: faults.env });
  });
}

let shimPath: string | null | undefined;

function compiledShim(): string | null {
  if (shimPath !== undefined) return shimPath;
  const path = join(process.env['UNITD_TEST_TMP'] ?? '/tmp', 'fault-shim.so');
  if (!existsSync(path)) {
    const own = `${path}.${process.pid}`;
    const source = join(packageRoot(), 'test/support/fault-shim.c');
    try {
      execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', own, source, '-ldl'], { stdio: 'ignore' });
    } catch {
      shimPath = null;
      return null;
    }
    renameSync(own, path);
  }
  shimPath = path;
  return path;
}
