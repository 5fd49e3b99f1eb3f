// Signal names and numbers of this machine: `SIGTERM`, and `SIGRTMIN+3` or `SIGRTMAX-1` for real-time signals.
import { constants } from 'node:os';
import type { SignalName } from '../model/unit.ts';
import { REALTIME_SIGNALS } from './libc/signal.ts';

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

/** The one name of a signal that everything else uses; real-time signals count from `SIGRTMIN+0`, as in unit files. */
export function signalName(number: number): SignalName {
  const offset = number - REALTIME_SIGNALS.min;
  return names.get(number) ?? (offset >= 0 ? `SIGRTMIN+${offset}` : `SIG${number}`);
}

/** What a person means by `HUP`, `SIGHUP` or `RTMIN+3`: its name as signalName() gives it, null when none is so called. */
export function knownSignal(text: string): SignalName | null {
  const number = signalNumber(text.startsWith('SIG') ? text : `SIG${text}`);
  return number === null ? null : signalName(number);
}
