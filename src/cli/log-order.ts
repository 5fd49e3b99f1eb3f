// Lines of several logs in one order, by time; and each line once although its log is opened again.
import type { LogLine } from '../wire/v1.ts';

/** Sorts by time and keeps what arrived first first; a line without a time stays behind the one before it. */
export function inOrder(lines: readonly LogLine[]): readonly LogLine[] {
  const lastTime = new Map<string, string>();
  const timed = lines.map((line) => {
    const time = line.time ?? lastTime.get(line.unit) ?? '';
    lastTime.set(line.unit, time);
    return { line, time };
  });
  return timed
    .toSorted((one, other) => (one.time < other.time ? -1 : one.time > other.time ? 1 : 0))
    .map(({ line }) => line);
}

/** Puts the lines of logs in order while they are followed. */
export interface LiveOrder {
  take(line: LogLine, nowMs: number): void;
  /** Those in front of which no line is to be expected any more. */
  due(nowMs: number): readonly LogLine[];
  readonly isEmpty: () => boolean;
}

/** `patienceMs`: a log that has said nothing for so long is not expected to say something earlier than the others. */
export function liveOrder(patienceMs: number): LiveOrder {
  let waiting: readonly LogLine[] = [];
  let come: LogLine[] = [];
  const heard = new Map<string, { readonly time: string; readonly atMs: number }>();
  return {
    take(line, nowMs) {
      come.push(line);
      if (line.time !== null) heard.set(line.unit, { time: line.time, atMs: nowMs });
    },
    due(nowMs) {
      const ordered = inOrder([...waiting, ...come]);
      come = [];
      // Of what is kept, one log may be read much faster than another: the slowest that still comes sets the pace.
      const speaking = [...heard.values()].filter(({ atMs }) => nowMs - atMs < patienceMs);
      const reached = speaking.map(({ time }) => time).toSorted()[0] ?? null;
      const end = ordered.findIndex(({ time }) => time !== null && reached !== null && time > reached);
      waiting = end === -1 ? [] : ordered.slice(end);
      return end === -1 ? ordered : ordered.slice(0, end);
    },
    isEmpty: () => waiting.length + come.length === 0,
  };
}

const MILLISECOND = '2026-11-22T10:00:00.000'.length;

/** Remembers how far one log has been read. */
export interface ReadMark {
  /** Time of the last line read; null before the first, and for logs without times. */
  readonly time: () => string | null;
  /** Whether any line has been read. */
  readonly begun: () => boolean;
  /** From here on the log is read again from `time`: what was seen of it will come once more. */
  reopened(): void;
  /** Whether the line is new. */
  isNew(line: LogLine): boolean;
}

/** `isCut`: the log is read from some line on, so that others of the same moment may lie before it. */
export function readMark(isCut = false): ReadMark {
  let firstTime: string | null = null;
  let time: string | null = null;
  let seenAtTime = 0;
  let toSkip = 0;
  let begun = false;
  return {
    time: () => time,
    begun: () => begun,
    // How many lie before the first line nobody has told: those of its moment have been seen, or were not asked for.
    reopened: () => void (toSkip = isCut && time === firstTime ? Infinity : seenAtTime),
    isNew(line) {
      begun = true;
      if (line.time === null || time === null || line.time > time) {
        if (line.time !== null) {
          firstTime ??= line.time;
          time = line.time;
          seenAtTime = 1;
          toSkip = 0;
        }
        return true;
      }
      // What is read again is of the same millisecond at least; before that the clock was set back.
      if (line.time < time) return toSkip === 0 || line.time < time.slice(0, MILLISECOND);
      if (toSkip > 0) {
        toSkip -= 1;
        return false;
      }
      seenAtTime += 1;
      return true;
    },
  };
}
