// The child of all measures, which reports its own start time, and the FIFO that it reports to. A C program where a
// compiler is on PATH; else a shell script, whose time is date(1)'s and so includes a process of its own.
import { execFileSync } from 'node:child_process';
import { chmodSync, constants, openSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.ts';
import { Arrivals, lineSplitter } from '../support/lines.ts';
import type { Scope } from './scope.ts';

export interface Stamp {
  readonly word: string;
  readonly pid: number;
  /** On the clock of `nowMs`. */
  readonly atMs: number;
}

export interface StampChild {
  readonly program: string;
  /** The clock that children of this program tell. */
  readonly nowMs: () => number;
  readonly kind: 'compiled' | 'shell';
}

const SCRIPT = '#!/bin/sh\necho "$2 $$ $(date +%s%N)" > "$1"\nexec sleep infinity\n';

/** On the clock of compiled children. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The program made of test/bench/NAME.c in `directory`, or null where there is no compiler. */
export function compiled(directory: string, name: string): string | null {
  const program = join(directory, name);
  const source = join(packageRoot(), `test/bench/${name}.c`);
  for (const linking of [['-static'], []]) {
    try {
      execFileSync('cc', ['-O2', ...linking, '-o', program, source], { stdio: 'ignore' });
      return program;
    } catch {
      // No compiler, or no static libc: the next way.
    }
  }
  return null;
}

export function makeStampChild(directory: string): StampChild {
  const stamp = compiled(directory, 'stamp');
  if (stamp !== null) return { program: stamp, nowMs: monotonicMs, kind: 'compiled' };
  const program = join(directory, 'stamp');
  writeFileSync(program, SCRIPT);
  chmodSync(program, 0o755);
  return { program, nowMs: () => performance.timeOrigin + performance.now(), kind: 'shell' };
}

/** Supervisors that start thousands, one after the other, take their time. */
const WAIT_LIMIT_MS = 60_000;

export class StampChannel {
  readonly path: string;
  readonly #arrivals = new Arrivals<Stamp>('the stamp channel', WAIT_LIMIT_MS);

  constructor(scope: Scope, directory: string) {
    this.path = join(directory, 'stamps');
    execFileSync('mkfifo', [this.path]);
    // O_RDWR: the open does not wait for a writer, and the stream does not end with the last one.
    const fd = openSync(this.path, constants.O_RDWR | constants.O_NONBLOCK);
    const socket = new Socket({ fd, readable: true, writable: false });
    socket.on(
      'data',
      lineSplitter((line) => {
        const [word = '', pid, nanoseconds] = line.split(' ');
        this.#arrivals.add({ word, pid: Number(pid), atMs: Number(nanoseconds) / 1e6 });
      }),
    );
    scope.defer(() => {
      socket.destroy();
      this.#arrivals.end('the measure is over');
    });
  }

  /** For the waits below: only stamps that arrive from here on. */
  get mark(): number {
    return this.#arrivals.seen.length;
  }

  /** Waits for the word of one child since `mark`. */
  async stamp(word: string, mark = 0): Promise<Stamp> {
    return await this.#arrivals.first((stamp) => stamp.word === word, `"${word}"`, mark);
  }

  /** Waits for `count` stamps since `mark`, and gives them. */
  async stamps(count: number, mark = 0): Promise<readonly Stamp[]> {
    let seen = 0;
    if (count > 0) await this.#arrivals.first(() => ++seen === count, `${count} starts`, mark);
    return this.#arrivals.seen.slice(mark, mark + count);
  }
}
