// Bodies of requests: bytes in, a value of the wire's type or the reason why it is none.
import type { Answer } from '../daemon/control.ts';
import type { ProblemDetails } from '../wire/v1.ts';
import { refusal } from './exchange.ts';

export interface FieldCheck {
  readonly expected: string;
  readonly fits: (value: unknown) => boolean;
}

/** A check for each field that T has: a field added to the wire does not compile until it has one. */
export type BodyChecks<T> = { readonly [K in keyof Required<T>]: FieldCheck };

export const BOOLEAN: FieldCheck = {
  expected: 'true or false',
  fits: (value) => typeof value === 'boolean',
};
export const TEXT: FieldCheck = {
  expected: 'a text that is not empty',
  fits: (value) => typeof value === 'string' && value !== '',
};
export const MILLISECONDS: FieldCheck = {
  expected: 'a whole number of milliseconds, 0 or more',
  fits: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
};
export function oneOf(...words: readonly string[]): FieldCheck {
  const expected = words.map((word) => `"${word}"`).join(' or ');
  return { expected, fits: (value) => typeof value === 'string' && words.includes(value) };
}

/** An empty body is an object without fields. */
export function readBody<T extends object>(bytes: Uint8Array, checks: BodyChecks<T>): Answer<T> {
  const value = bytes.length === 0 ? {} : parsed(bytes);
  if (value instanceof SyntaxError) return refused('malformed-json', 'Malformed JSON', value.message);
  const misfits: string[] = [];
  if (fits<T>(value, checks, misfits)) return { ok: true, value };
  return refused('wrong-body', 'Wrong body', misfits.join('; '));
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof SyntaxError ? quoteless(error.message) : 'the bytes are not UTF-8';
    return new SyntaxError(`cannot read the body: ${reason}, expected a JSON object`);
  }
}

/** V8 quotes the text around the place, and that may be long and may hold line ends. */
function quoteless(message: string): string {
  return message.replace(/,? \.{0,3}"[^]*/u, '').replaceAll('\n', ' ');
}

/** Otherwise `misfits` says why not, one clause for each field. */
function fits<T extends object>(value: unknown, checks: BodyChecks<T>, misfits: string[]): value is T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    misfits.push(`cannot read the body: ${kindOf(value)}, expected a JSON object`);
  } else {
    misfits.push(...Object.entries(value).flatMap(([field, given]) => misfitOf(field, given, checks)));
  }
  return misfits.length === 0;
}

function misfitOf(
  field: string,
  given: unknown,
  checks: Readonly<Record<string, FieldCheck>>,
): readonly string[] {
  const check = Object.hasOwn(checks, field) ? checks[field] : undefined;
  if (check === undefined) {
    const known = Object.keys(checks);
    const expected = known.length === 0 ? 'expected none' : `expected one of ${known.join(', ')}`;
    return [`cannot read field ${quoted(field)}: no such field, ${expected}`];
  }
  return check.fits(given)
    ? []
    : [`cannot read field "${field}": ${kindOf(given)}, expected ${check.expected}`];
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return quoted(value);
}

function quoted(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function refused(
  code: string,
  title: string,
  detail: string,
): { readonly ok: false; readonly error: ProblemDetails } {
  return { ok: false, error: refusal(400, code, title, detail) };
}
