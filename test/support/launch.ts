// Starts the built program, as this user or another, and collects what it says. Knows nothing of units.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.ts';
import { Arrivals, lineSplitter, WAIT_LIMIT_MS } from './lines.ts';

export const PROGRAM = join(packageRoot(), 'dist/bin/unitd.cjs');

export interface Launch {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly asUser: string | undefined;
  /** Default: the built program, and the node that runs the tests. */
  readonly program?: string | undefined;
  readonly node?: string | undefined;
  /** Words before node, which run what follows them: `unshare`, `env`. */
  readonly within?: readonly string[] | undefined;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Ran {
  /** 128 + N if signal N ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that goes on: its lines as they come. */
export interface Following {
  readonly pid: number;
  readonly lines: readonly string[];
  /** The first line of stdout that fits: a part of it, an expression, or a test. */
  line(wanted: string | RegExp | ((line: string) => boolean), what?: string): Promise<string>;
  kill(signal: NodeJS.Signals): Promise<Ended>;
  /** When it and all that hold its output are gone. */
  readonly ended: Promise<Ended>;
}

/** Runs the program to its end; one that is still there after a long while is killed, and its code tells. */
export async function run(launch: Launch): Promise<Ran> {
  const child = start(launch);
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const limit = setTimeout(() => child.kill('SIGKILL'), 2 * WAIT_LIMIT_MS);
  const { code, signal } = await endOf(child);
  clearTimeout(limit);
  return { code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), stdout, stderr };
}

/** Starts the program; `stream` is whose lines are followed, the other is thrown away. */
export function follow(
  launch: Launch,
  name: string,
  stream: 'stdout' | 'stderr',
  limitMs = WAIT_LIMIT_MS,
): Following {
  const child = start(launch);
  const arrivals = new Arrivals<string>(name, limitMs);
  child[stream]?.on(
    'data',
    lineSplitter((line) => arrivals.add(line)),
  );
  child[stream === 'stdout' ? 'stderr' : 'stdout']?.resume();
  const ended = endOf(child).then((end) => {
    arrivals.end(`it ended with ${end.signal ?? `code ${end.code}`}`);
    return end;
  });
  return {
    pid: child.pid ?? 0,
    lines: arrivals.seen,
    line: async (wanted, what = String(wanted)) => await arrivals.first(matcher(wanted), what),
    kill: async (signal) => {
      child.kill(signal);
      return await ended;
    },
    ended,
  };
}

/** A reason to skip a test that runs the program as another user, or false. */
export function cannotRunAs(user: string): string | false {
  if (process.getuid?.() !== 0) return 'needs root';
  const look = spawnSync('setpriv', [...switchTo(user), 'test', '-r', PROGRAM]);
  return look.status === 0 ? false : `${user} cannot read ${PROGRAM}`;
}

const idsByName = new Map<string, [number, number]>();

/** User and group id of a user by name. */
export function idsOf(user: string): [number, number] {
  const known = idsByName.get(user);
  if (known !== undefined) return known;
  const ask = (flag: string): number => {
    const { status, stdout } = spawnSync('id', [flag, user], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`cannot find user "${user}"`);
    return Number(stdout);
  };
  const ids: [number, number] = [ask('-u'), ask('-g')];
  idsByName.set(user, ids);
  return ids;
}

/** setpriv(1), for node's own `uid` drops no group of root's and takes none of the user's. */
function switchTo(user: string): string[] {
  const [uid, gid] = idsOf(user);
  return [`--reuid=${uid}`, `--regid=${gid}`, '--init-groups'];
}

function start(launch: Launch): ChildProcess {
  const { args, env, cwd, asUser, program = PROGRAM, node = process.execPath, within = [] } = launch;
  const [first, ...words] = commandAs(asUser, [...within, node, program, ...args]);
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
  return spawn(first, words, { cwd, env, stdio });
}

/** The words that run this command as that user; as this one if none is named. */
export function commandAs(user: string | undefined, command: readonly string[]): [string, ...string[]] {
  const [first = '', ...words] = command;
  return user === undefined ? [first, ...words] : ['setpriv', ...switchTo(user), first, ...words];
}

function matcher(wanted: string | RegExp | ((line: string) => boolean)): (line: string) => boolean {
  if (typeof wanted === 'function') return wanted;
  return typeof wanted === 'string' ? (line) => line.includes(wanted) : (line) => wanted.test(line);
}

async function endOf(child: ChildProcess): Promise<Ended> {
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}
