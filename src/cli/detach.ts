// The daemon in the background: started in a session of its own, and left once its socket answers.
// What it says goes to LOGDIR/unitd.log; if it does not come up, the end of that is the reason told.
import { spawn } from 'node:child_process';
import { chmodSync, closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, messageOf } from '../base/fault.ts';
import { DAEMON_LOG, LOG_DIRECTORY_MODE } from '../base/paths.ts';
import type { StatusDocument } from '../wire/v1.ts';
import { clientOf } from './client.ts';
import type { Client } from './client.ts';
import type { Context } from './context.ts';
import { bannerLines } from './degraded-banner.ts';
import { EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import { closeInherited } from './inherited-descriptors.ts';
import { GRACE_MS } from './time-limit.ts';
import { given, valueOf } from './verb-spec.ts';

const ASK_AGAIN_MS = 20;
const PATIENCE_MS = 30_000;
const REASON_LINES = 10;
const REASON_BYTES = 16 * 1024;

/** Of a log that has no word of it, as on a full disk. */
const SAYS_MORE = 'its log does not say why, without --detach it may';

/** How the daemon ended: its code, the signal, or what kept it from being started at all. */
type Ended = number | NodeJS.Signals | Error;

/** It answers. */
type Up = Pick<StatusDocument, 'daemon'>;

/** The exit code of this process, or of the daemon that did not come up. */
export async function detachDaemon(context: Context): Promise<number> {
  const { paths, err } = context;
  const client = clientOf(paths.socket);
  // Of one that is silent, a daemon that is started says more.
  const before = await client.get<StatusDocument>('/v1/status', AbortSignal.timeout(GRACE_MS));
  if (before.ok) {
    const { pid } = before.value.daemon;
    context.note(
      `${err.palette.red('unitd:')} cannot start daemon: one runs already with pid ${pid}, expected none\n`,
    );
    return EXIT.failed;
  }
  const logFile = join(paths.logs, DAEMON_LOG);
  const log = openLog(context, logFile);
  if (typeof log !== 'number') return log.exitCode;
  const begin = fstatSync(log).size;
  closeInherited();
  const child = spawn(process.execPath, [...process.execArgv, ...daemonArguments(context)], {
    detached: true,
    // The daemon must not keep the directory of whoever started it busy.
    cwd: '/',
    stdio: ['ignore', log, log],
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('exit', (code, signal) => resolve(code ?? signal ?? EXIT.failed));
    child.on('error', resolve);
  });
  const settled = new AbortController();
  const outcome = await Promise.race([ended, answering(client, child.pid ?? null, settled.signal)]);
  settled.abort();
  const reason = tail(log, begin);
  closeSync(log);
  if (isUp(outcome)) {
    child.unref();
    context.note(`unitd runs in the background with pid ${child.pid}, log in ${logFile}\n`);
    if (outcome.daemon.problems.length > 0) context.note(`${bannerLines(outcome.daemon, err).join('\n')}\n`);
    return EXIT.done;
  }
  context.note(
    `${reason}${err.palette.red('unitd:')} cannot start daemon: ${whyNot(outcome)}, expected an answer at "${paths.socket}"\n`,
  );
  if (reason === '' && outcome !== 'silent' && !(outcome instanceof Error))
    context.note(`  ${err.palette.dim(SAYS_MORE)}\n`);
  child.unref();
  return typeof outcome === 'number' && outcome !== EXIT.done ? outcome : EXIT.failed;
}

function isUp(outcome: Up | 'silent' | Ended): outcome is Up {
  return typeof outcome === 'object' && 'daemon' in outcome;
}

function whyNot(outcome: 'silent' | Ended): string {
  if (outcome === 'silent') return `no answer within ${PATIENCE_MS / 1000}s, it is left running`;
  if (outcome instanceof Error) return outcome.message;
  return typeof outcome === 'number' ? `it ended with code ${outcome}` : `${outcome} ended it`;
}

// The words as they were given, but for --detach; the directories as they were resolved, since the new session works
// elsewhere. Where nobody named the units, nobody does now: the daemon may make the standing directory.
function daemonArguments({ paths, invocation, env }: Context): readonly string[] {
  const words = [process.argv[1] ?? '', 'daemon'];
  words.push('--runtime-dir', paths.runtime, '--socket', paths.socket);
  words.push('--state-dir', paths.state, '--log-dir', paths.logs);
  if (valueOf(invocation, 'units') !== undefined || env['UNITD_UNITS']) words.push('--units', paths.units);
  for (const name of ['socket-group', 'usage-interval', 'fence']) {
    const value = valueOf(invocation, name);
    if (value !== undefined) words.push(`--${name}`, value);
  }
  if (given(invocation, 'insecure-permissions')) words.push('--insecure-permissions');
  return words;
}

function openLog({ paths, note, err }: Context, file: string): number | { readonly exitCode: ExitCode } {
  try {
    const isMade = mkdirSync(paths.logs, { recursive: true, mode: LOG_DIRECTORY_MODE }) !== undefined;
    // Whatever the umask, as the daemon itself would make it.
    if (isMade) chmodSync(paths.logs, LOG_DIRECTORY_MODE);
    // Read too, for the reason: there may be no descriptor left to open it once more.
    return openSync(file, 'a+', 0o600);
  } catch (error) {
    note(
      `${err.palette.red('unitd:')} cannot open log "${file}": ${messageOf(error)}, expected a directory to write to\n`,
    );
    const errno = codeOf(error);
    return { exitCode: errno === 'EACCES' || errno === 'EPERM' ? EXIT.notPermitted : EXIT.failed };
  }
}

/** Asks until the daemon with this pid answers; another one's answer means that ours is about to give up. */
async function answering(client: Client, pid: number | null, settled: AbortSignal): Promise<Up | 'silent'> {
  const signal = AbortSignal.any([settled, AbortSignal.timeout(PATIENCE_MS)]);
  while (!signal.aborted) {
    const reply = await client.get<StatusDocument>('/v1/status', signal);
    if (reply.ok && reply.value.daemon.pid === pid) return reply.value;
    await delay(ASK_AGAIN_MS);
  }
  return 'silent';
}

/** What went wrong, by the last lines that were written since the file had `begin` bytes. */
function tail(log: number, begin: number): string {
  const { size } = fstatSync(log);
  const from = Math.max(begin, size - REASON_BYTES);
  const bytes = Buffer.alloc(Math.max(0, size - from));
  readSync(log, bytes, 0, bytes.length, from);
  const lines = bytes.toString('utf8').split('\n').flatMap(sentenceOf).slice(-REASON_LINES);
  return lines.map((line) => `${line}\n`).join('');
}

/** The sentence of a line of the daemon's log, unless that is mere information; any other line as it is. */
function sentenceOf(line: string): readonly string[] {
  if (!line.startsWith('{')) return line.trim() === '' ? [] : [line];
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null || !('message' in record)) return [line];
    return 'level' in record && record.level === 'info' ? [] : [String(record.message)];
  } catch {
    return [line];
  }
}
