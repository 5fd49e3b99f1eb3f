// What an operator means by a signal's name or number. Unit files take names alone: numbers differ between machines.
import type { SignalName } from '../model/unit.ts';
import { knownSignal, signalName } from '../os/signal-names.ts';

/** `HUP`, `sighup` and `1` are SIGHUP; null where this machine has no such signal. */
export function meantSignal(text: string): SignalName | null {
  return knownSignal(/^\d{1,2}$/.test(text) ? signalName(Number(text)) : text.toUpperCase());
}
