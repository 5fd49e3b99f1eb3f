// What has come of a flood (flood.c) in a log directory: how much is there, and whether every line is, once and whole.
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicMs } from './stamps.ts';

export const LINE_BYTES = 100;
const NEWLINE = 10;
const DIGITS = 10;
const FIRST_LINE_MOST = 4096;
const LIMIT_MS = 120_000;

export interface LogFiles {
  readonly directory: string;
  readonly isLog: RegExp;
}

/** When all `lines` were in the files, by size; looks every millisecond. */
export async function allWrittenMs(log: LogFiles, lines: number): Promise<number> {
  const limitMs = monotonicMs() + LIMIT_MS;
  for (;;) {
    const atMs = monotonicMs();
    const { bytes, lineBytes } = sizeOf(log);
    // Twice: the last file but one, renamed during the first look, could stand in for the last.
    if (lineBytes !== null && bytes === lines * lineBytes && sizeOf(log).bytes === bytes) return atMs;
    if (atMs > limitMs) {
      throw new Error(`${bytes} bytes in ${log.directory}, expected ${lines} lines of ${lineBytes} bytes`);
    }
    await pause(1);
  }
}

/** Throws unless each of `lines` is there once, whole, after whatever stands before it on its line. */
export function checkLines(log: LogFiles, lines: number): void {
  const seen = new Uint8Array(lines);
  let count = 0;
  for (const path of filesOf(log)) {
    const bytes = readFileSync(path);
    for (let from = 0; from < bytes.length;) {
      const end = bytes.indexOf(NEWLINE, from);
      if (end < 0) throw new Error(`${path} ends within a line`);
      const at = end + 1 - LINE_BYTES;
      let number = 0;
      for (let digit = 0; digit < DIGITS; digit += 1) number = number * 10 + ((bytes[at + digit] ?? 0) - 48);
      if (at < from || seen[number] !== 0)
        throw new Error(`${path}: line ${number} at byte ${from}, expected another`);
      seen[number] = 1;
      count += 1;
      from = end + 1;
    }
  }
  if (count !== lines) throw new Error(`${count} lines in ${log.directory}, expected ${lines}`);
}

function filesOf({ directory, isLog }: LogFiles): readonly string[] {
  return namesIn(directory)
    .filter((name) => isLog.test(name))
    .map((name) => join(directory, name));
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // It is not made yet.
  }
}

/** A file that is renamed meanwhile may be missed or counted twice: the sum is right once nothing moves. */
function sizeOf(log: LogFiles): { readonly bytes: number; readonly lineBytes: number | null } {
  let bytes = 0;
  let lineBytes: number | null = null;
  for (const path of filesOf(log)) {
    bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    lineBytes ??= firstLineBytes(path);
  }
  return { bytes, lineBytes };
}

/** All lines are equally long; but a file may begin within one, where a supervisor rotates anywhere. */
function firstLineBytes(path: string): number | null {
  const start = Buffer.alloc(FIRST_LINE_MOST);
  let length = 0;
  try {
    const fd = openSync(path, 'r');
    length = readSync(fd, start);
    closeSync(fd);
  } catch {
    return null; // Renamed between the listing and the look.
  }
  const first = start.subarray(0, length).indexOf(NEWLINE);
  const second = start.subarray(0, length).indexOf(NEWLINE, first + 1);
  return first < 0 || second < 0 ? null : second - first;
}
