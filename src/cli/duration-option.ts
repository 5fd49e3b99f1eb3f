// Options whose value is a duration.
import { parseDuration } from '../base/duration.ts';
import { usageFailure } from './failure.ts';
import type { Reply } from './failure.ts';
import { valueOf } from './verb-spec.ts';
import type { Invocation } from './verb-spec.ts';

/** Milliseconds; null if the option was not given. */
export function durationOption(invocation: Invocation, name: string): Reply<number | null> {
  const text = valueOf(invocation, name);
  if (text === undefined) return { ok: true, value: null };
  const ms = parseDuration(text);
  if (ms !== null) return { ok: true, value: ms };
  const message = `cannot read --${name} "${text}": not a duration, expected e.g. 30s or 1m30s`;
  return { ok: false, failure: usageFailure(message) };
}
