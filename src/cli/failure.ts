// Why a verb cannot answer, as a value: what people read on stderr and what the process exits with.
import { problemLine } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import type { ProblemDetails } from '../wire/v1.ts';
import { PATIENCE_MS } from './document-request.ts';
import { EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import { printable } from './text-width.ts';
import { either } from './verb-spec.ts';

export interface Failure {
  readonly exitCode: ExitCode;
  /** One sentence without a full stop. */
  readonly message: string;
  /** What to do about it, a line each. */
  readonly hints: readonly string[];
  /** What the daemon answered; null if it did not. */
  readonly details: ProblemDetails | null;
}

export type Reply<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export function usageFailure(message: string): Failure {
  return { exitCode: EXIT.usage, message, hints: [], details: null };
}

/** One sentence without a full stop: the option's value is none of its choices. */
export function unknownChoice(option: string, value: string, choices: readonly string[]): string {
  return `cannot read ${option} "${value}": no such choice, expected ${either(choices)}`;
}

/** What a failed connection means, by the errno of connect(2). */
export function connectionFailure(socket: string, errno: string | undefined): Failure {
  const cannot = `cannot reach the daemon at "${socket}"`;
  const start = 'start it with: unitd daemon --detach';
  // Node's codes for what its parser of HTTP does not understand.
  if (errno?.startsWith('HPE_')) return notUnderstood(socket, 'it does not speak HTTP');
  switch (errno) {
    case 'ENOENT':
      return unreachable(`${cannot}: no such socket, expected a running daemon`, start);
    case 'ECONNREFUSED':
      return unreachable(`${cannot}: nobody listens there, expected a running daemon`, start);
    case 'EACCES':
    case 'EPERM':
      return {
        exitCode: EXIT.notPermitted,
        message: `${cannot}: not permitted, expected to be its owner or in its socket group`,
        hints: ["become the daemon's user, or start the daemon with --socket-group"],
        details: null,
      };
    case 'ENOTSOCK':
    case 'ENOTDIR':
    case 'EINVAL':
      return unreachable(`${cannot}: not a socket, expected the control socket of a daemon`);
    case 'ECONNRESET':
    case 'EPIPE':
      return unreachable(
        `${cannot}: it ended before it answered, expected an answer`,
        'look again: unitd status',
      );
    case 'ETIMEDOUT':
      return unreachable(
        `${cannot}: it has said nothing for ${PATIENCE_MS / 1000}s, expected an answer`,
        'it may be stopped (SIGSTOP), or get no processor time',
      );
    default:
      return unreachable(`${cannot}: ${errno ?? 'no answer'}, expected a running daemon`);
  }
}

export function notUnderstood(socket: string, what: string): Failure {
  return unreachable(`cannot understand what listens at "${socket}": ${what}, expected a unitd daemon`);
}

function unreachable(message: string, hint?: string): Failure {
  return { exitCode: EXIT.unreachable, message, hints: hint === undefined ? [] : [hint], details: null };
}

/** For a name that is looked for here; with the sentence and the document that the daemon refuses one with. */
export function noSuchUnit(name: string): Failure {
  const actual = name === '' ? 'the name is empty' : 'no unit file of that name is loaded';
  const detail = `cannot find unit "${name}": ${actual}, expected one of those in "unitd status"`;
  return refusal({ type: 'tag:unitd,2026:unknown-unit', title: 'No such unit', status: 404, detail });
}

/** What a refusal by the daemon means, by its HTTP status. */
export function refusal(details: ProblemDetails): Failure {
  const message = printable(details.detail || details.title);
  return { exitCode: exitCodeOf(details), message, hints: [], details };
}

function exitCodeOf({ status, type }: ProblemDetails): ExitCode {
  switch (status) {
    case 400:
      return EXIT.usage;
    case 401:
    case 403:
      return EXIT.notPermitted;
    case 404:
      return type.endsWith(':no-such-path') ? EXIT.failed : EXIT.noSuchUnit;
    case 422:
      return EXIT.invalidFiles;
    case 503:
      return EXIT.unreachable;
    default:
      return EXIT.failed;
  }
}

/** A line for each problem of unit files, and then their count, as compilers print them. */
export function problemLines(problems: readonly Problem[]): readonly string[] {
  return problems.length === 0
    ? []
    : [...problems.map((problem) => printable(problemLine(problem))), problemCount(problems)];
}

export function problemCount(problems: readonly { readonly severity: 'error' | 'warning' }[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const counts = [counted(errors, 'error'), counted(problems.length - errors, 'warning')];
  return counts.filter((count) => count !== '').join(', ');
}

function counted(count: number, noun: string): string {
  if (count === 0) return '';
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
