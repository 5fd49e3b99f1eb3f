// Signal names and numbers of this machine: `SIGTERM`, and `SIGRTMIN+3` or `SIGRTMAX-1` for real-time signals.
import { constants } from 'node:os';
import type { SignalName } from '../model/unit.ts';
import { REALTIME_SIGNALS } from './libc.ts';

const numbers = new Map<string, number>(Object.entries(constants.signals));
// SIGIOT, SIGPOLL and SIGCLD are second names of numbers that have a first one already.
const names = new Map<number, SignalName>();
for (const [name, number] of numbers) if (!names.has(number)) names.set(number, name);

/** The number of a signal, null when this machine has no such signal. */
export function signalNumber(name: SignalName): number | null {
  const plain = numbers.get(name);
  if (plain !== undefined) return plain;
  const realtime = /^SIGRT(?:MIN(?:\+(\d{1,2}))?|MAX(?:-(\d{1,2}))?)$/.exec(name);
  if (realtime === null) return null;
  const number = name.startsWith('SIGRTMIN')
    ? REALTIME_SIGNALS.min + Number(realtime[1] ?? 0)
    : REALTIME_SIGNALS.max - Number(realtime[2] ?? 0);
  return number >= REALTIME_SIGNALS.min && number <= REALTIME_SIGNALS.max ? number : null;
}

/** The name of a signal; real-time signals count from SIGRTMIN. */
export function signalName(number: number): SignalName {
  const plain = names.get(number);
  if (plain !== undefined) return plain;
  const offset = number - REALTIME_SIGNALS.min;
  if (offset === 0) return 'SIGRTMIN';
  return offset > 0 ? `SIGRTMIN+${offset}` : `SIG${number}`;
}
