// What a failure looks like on stderr; with --json what the daemon answered goes to stdout too.
import type { Context } from './context.ts';
import { printJson } from './context.ts';
import { EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import { problemLines } from './failure.ts';
import type { Failure } from './failure.ts';
import { hintsOnRoot } from './roots-daemon.ts';

/** Says why and gives the exit code. */
export function failed(context: Context, failure: Failure): ExitCode {
  if (context.json && failure.details !== null) printJson(context, failure.details);
  return complained(context, failure);
}

/** The same without a word on stdout. */
export function complained(context: Context, failure: Failure): ExitCode {
  const { red, dim } = context.err.palette;
  const isUsage = failure.exitCode === EXIT.usage && failure.details === null;
  const hints = isUsage
    ? [...failure.hints, `see: unitd help ${context.invocation.verb}`]
    : [...failure.hints, ...hintsOnRoot(failure, context)];
  const problems = problemLines(failure.details?.problems ?? []);
  const lines = [
    ...problems.slice(0, -1),
    `${red('unitd:')} ${failure.message}`,
    ...problems.slice(-1).flatMap((count) => (failure.message.includes(count) ? [] : [`  ${count}`])),
    ...hints.map((hint) => `  ${dim(hint)}`),
  ];
  context.note(`${lines.join('\n')}\n`);
  return failure.exitCode;
}
