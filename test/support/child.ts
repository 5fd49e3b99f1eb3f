// Tiny programs for units to run (test/fixtures, plain shell: no build), and the channel by which they say that
// they are there. A test waits for a word on the channel, never for time to pass.
//
// Each fixture's head says what it does; `child.NAME` is its absolute path, ready for a `command:`.
//   child.exit CODE                      ends at once with CODE
//   child.dieBy SIGNAL                   kills itself with SIGNAL, dumping core where it may
//   child.note CODE FILE WORD [VARIABLE…] appends "WORD VARIABLE=value…" to FILE, and exits with CODE
//   child.announce CHANNEL [WORD]        says "WORD PID" (WORD is `up` by default), then stays until a signal
//   child.ignoreTerm CHANNEL [WORD]      the same, deaf to TERM, INT and HUP: one process
//   child.answerSignals CHANNEL SIGNAL…  says `up PID`, then `SIGNAL PID` for each that comes; TERM ends it, exit 0
//   child.stopSlowly CHANNEL GATE        says `up PID`; at TERM says `stopping PID`, waits for the gate, exit 0
//   child.doubleFork CHANNEL [deaf]      says `main PID`, and from a grandchild in a session of its own `grandchild PID`
//   child.outlived CHANNEL               says `grandchild PID` from such a grandchild, and the main process exits 0
//   child.gate CHANNEL GATE [CODE]       says `waiting PID`, waits for the gate, exits with CODE (default 0)
//   child.countStarts FILE [CHANNEL]     appends its pid to FILE at each start, says `up PID`, then stays
//   child.failTimes N FILE CHANNEL       exits 1 at its first N starts (counted in FILE), then says `up PID` and stays
//   child.flood N [CHANNEL]              prints `line 1` to `line N`, says `done PID`, then stays
//   child.spin CHANNEL                    says `spinning PID`, then uses a processor until a signal ends it
//   child.lone CHANNEL DIRECTORY WORD…   says `alone PID` and becomes WORD…; two of one unit at a time: DIRECTORY/two
//   child.bomb CHANNEL DEPTH             2^(DEPTH+1)-1 processes in as many sessions, deaf to TERM, each says `bomb PID`
//   child.forget CHANNEL                 like doubleFork, but the grandchild has an empty environment: `escaped PID`
//   child.execAgain CHANNEL              exits 0, and leaves a process that says `again PID` and execs without end
//   child.chain CHANNEL LINKS            says `first PID`; each link forks the next and ends, the last says `last PID`
//   child.daemonize CHANNEL [PIDFILE]    exits 0, and leaves a daemon with a worker that says `daemon PID`; USR1: exit 3
//   child.cutLine                        prints `whole` and, without a newline, `cut`; then kills itself
import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.ts';
import { cleanUp } from './cleanup.ts';
import { Arrivals, lineSplitter } from './lines.ts';

const fixture = (name: string): string => join(packageRoot(), 'test/fixtures', name);

export const child = {
  exit: fixture('exit'),
  dieBy: fixture('die-by'),
  note: fixture('note'),
  announce: fixture('announce'),
  ignoreTerm: fixture('ignore-term'),
  answerSignals: fixture('answer-signals'),
  stopSlowly: fixture('stop-slowly'),
  doubleFork: fixture('double-fork'),
  outlived: fixture('outlived'),
  gate: fixture('gate'),
  countStarts: fixture('count-starts'),
  failTimes: fixture('fail-times'),
  flood: fixture('flood'),
  spin: fixture('spin'),
  lone: fixture('lone'),
  bomb: fixture('bomb'),
  forget: fixture('forget'),
  execAgain: fixture('exec-again'),
  chain: fixture('chain'),
  daemonize: fixture('daemonize'),
  cutLine: fixture('cut-line'),
} as const;

/** A word that a child said, and who said it. */
export interface Announcement {
  readonly word: string;
  readonly pid: number;
}

export interface Channel {
  /** The FIFO: children write `WORD PID` lines to it. */
  readonly path: string;
  readonly said: readonly Announcement[];
  /** The first announcement of `word` (after the first `skip` of that word): `next('up', 1)` is the second start. */
  next(word: string, skip?: number): Promise<Announcement>;
  /** The announcement of `word` by this process. */
  from(pid: number, word: string): Promise<Announcement>;
}

export interface Gate {
  /** A FIFO that children read one line from. */
  readonly path: string;
  /** Lets one waiting child pass, now or when it comes. */
  open(): void;
}

/** A directory of the test's own, removed with the test. Its path is short (a socket's holds 107 bytes), and anyone may
 *  enter it. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(process.env['UNITD_TEST_TMP'] ?? '/tmp', 'unitd-'));
  chmodSync(directory, 0o711);
  cleanUp(t, () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function openChannel(t: TestContext): Channel {
  const path = makeFifo(t, 'channel');
  // O_RDWR: the open does not wait for a writer, and the stream does not end with the last one.
  const socket = new Socket({
    fd: openSync(path, constants.O_RDWR | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  });
  const arrivals = new Arrivals<Announcement>('the channel');
  socket.on(
    'data',
    lineSplitter((line) => {
      const [word = '', pid = ''] = line.split(' ');
      arrivals.add({ word, pid: Number(pid) });
    }),
  );
  cleanUp(t, () => {
    socket.destroy();
    arrivals.end('the test is over');
  });
  return {
    path,
    get said() {
      return arrivals.seen;
    },
    next: (word, skip = 0) => {
      // Counted over all announcements from the first on, so that it does not matter when this is called.
      let count = 0;
      return arrivals.first((said) => said.word === word && count++ === skip, `"${word}" number ${skip + 1}`);
    },
    from: (pid, word) =>
      arrivals.first((said) => said.word === word && said.pid === pid, `"${word}" of ${pid}`),
  };
}

export function openGate(t: TestContext): Gate {
  const path = makeFifo(t, 'gate');
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  cleanUp(t, () => closeSync(fd));
  return { path, open: () => writeFileSync(fd, 'open\n') };
}

function makeFifo(t: TestContext, name: string): string {
  const path = join(temporaryDirectory(t), name);
  const made = spawnSync('mkfifo', ['-m', '666', path], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`cannot make FIFO "${path}": ${made.stderr || String(made.error)}`);
  return path;
}
