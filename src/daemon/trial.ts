// Asks the version on disk whether it could take this daemon's place: it is run in a process of its own, with the words,
// the environment and the directory of this one, and says itself (obstacle.ts). Replaces nothing.
//
// One that cannot be run, crashes, says no or says nothing in time is refused with its own reason.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { messageOf } from '../base/fault.ts';
import { askingWith, HANDOVER_FORMAT, HANDOVER_VARIABLE } from './handover.ts';

export type Trial =
  { readonly ok: true; readonly version: string } | { readonly ok: false; readonly reason: string };

export interface TrialOptions {
  readonly program: string;
  readonly words: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly patienceMs: number;
}

/** How long a version that is tried has to say whether it can. */
const PATIENCE_MS = 30_000;

/** Of what the program says, in characters; the rest is not read on. */
const MOST_SAID = 64 * 1024;

export async function tryVersionOnDisk(): Promise<Trial> {
  return await tryProgram({
    program: process.execPath,
    words: [...process.execArgv, ...process.argv.slice(1)],
    environment: process.env,
    patienceMs: PATIENCE_MS,
  });
}

export async function tryProgram({ program, words, environment, patienceMs }: TrialOptions): Promise<Trial> {
  let child: ChildProcess;
  try {
    child = spawn(program, [...words], {
      env: { ...environment, [HANDOVER_VARIABLE]: askingWith(HANDOVER_FORMAT) },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what it starts can be ended with it.
      detached: true,
    });
  } catch (error) {
    return { ok: false, reason: cannotRun(program, error) };
  }
  const ended = new Promise<string | null>((resolve) => {
    child.once('error', (error) => resolve(cannotRun(program, error)));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? null : `it ended with ${signal ?? `code ${code}`}`),
    );
  });
  // Without descriptors to spare there are none.
  const { stdout, stderr } = child;
  let answer = '';
  let complaints = '';
  stdout?.setEncoding('utf8').on('data', (text: string) => (answer = (answer + text).slice(0, MOST_SAID)));
  stderr
    ?.setEncoding('utf8')
    .on('data', (text: string) => (complaints = (complaints + text).slice(-MOST_SAID)));
  let isLate = false;
  const overdue = setTimeout(() => {
    isLate = true;
    if (child.pid !== undefined) killGroup(child.pid);
    // Whoever has left the group may hold its output open.
    stdout?.destroy();
    stderr?.destroy();
  }, patienceMs);
  const end = await ended;
  clearTimeout(overdue);
  if (isLate) return { ok: false, reason: `it said nothing within ${patienceMs / 1000}s` };
  const trial = trialIn(answer);
  if (trial !== null && (end === null || !trial.ok)) return trial;
  if (end === null) return { ok: false, reason: 'it did not say whether it can' };
  const why = complaintIn(complaints);
  return { ok: false, reason: why === null ? end : `${end}: ${why}` };
}

function cannotRun(program: string, error: unknown): string {
  return `cannot run "${program}": ${messageOf(error)}`;
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

function trialIn(answer: string): Trial | null {
  try {
    const value: unknown = JSON.parse(answer);
    if (typeof value !== 'object' || value === null || !('ok' in value)) return null;
    if (value.ok === true && 'version' in value) return { ok: true, version: String(value.version) };
    if (value.ok === false && 'reason' in value) return { ok: false, reason: String(value.reason) };
    return null;
  } catch {
    return null;
  }
}

/** The line that says most: what was thrown, or else the last. The daemon's own log lines say it in `message`. */
function complaintIn(text: string): string | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const line = lines.find((one) => /^\s*\w*Error\b.*:/.test(one)) ?? lines.at(-1);
  if (line === undefined) return null;
  const told = /"message":("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
  return told === undefined ? line.trim() : String(JSON.parse(told));
}
