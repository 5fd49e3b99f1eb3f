// One or several operations of the daemon, waited for: progress while they go, and then each unit's outcome.
import { setMaxListeners } from 'node:events';
import { formatDuration } from '../base/duration.ts';
import type { MovedUnit, OperationDocument } from '../wire/v1.ts';
import { API_VERSION } from '../wire/v1.ts';
import type { Client } from './client.ts';
import { printJson } from './context.ts';
import { complained, failed } from './report.ts';
import type { Context } from './context.ts';
import { durationOption } from './duration-option.ts';
import { EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import type { Failure, Reply } from './failure.ts';
import { inTurns } from './in-turns.ts';
import { catchInterrupt } from './interrupt.ts';
import { progressView } from './progress.ts';
import type { Screen } from './screen.ts';
import { statePaint, stateSymbol } from './state-look.ts';
import { nameColumns, printable } from './text-width.ts';
import { timeLimit } from './time-limit.ts';
import { explained, unitPath } from './unit-path.ts';
import { given } from './verb-spec.ts';

export interface Operation {
  /** null for one that moves the whole set. */
  readonly unit: string | null;
  readonly path: string;
  readonly body: object;
}

export interface Waiting {
  readonly wait: boolean;
  /** null: for ever. */
  readonly timeoutMs: number | null;
}

export function waitingOf({ invocation }: Context): Reply<Waiting> {
  const timeout = durationOption(invocation, 'timeout');
  if (!timeout.ok) return timeout;
  return { ok: true, value: { wait: !given(invocation, 'no-wait'), timeoutMs: timeout.value } };
}

export type Outcome =
  | { readonly kind: 'answered'; readonly document: OperationDocument; readonly refused: readonly Failure[] }
  /** Ctrl-C: the process is about to end by the signal. */
  | { readonly kind: 'interrupted' };

/** Posts all of them, several at a time; `timeoutMs` is for all together, null for ever. */
export async function carryOut(
  context: Context,
  client: Client,
  verb: OperationDocument['verb'],
  operations: readonly Operation[],
  timeoutMs: number | null = null,
): Promise<Outcome> {
  const asked = operations.flatMap(({ unit }) => (unit === null ? [] : [unit]));
  const interrupt = catchInterrupt();
  const limit = timeLimit(timeoutMs);
  const ended = AbortSignal.any([interrupt.signal, limit.signal]);
  // Each request listens to it, which node would take for a leak.
  setMaxListeners(0, ended);
  const view = progressView(context, verb, asked);
  const unanswered: (string | null)[] = [];
  const ask = async ({ unit, path, body }: Operation): Promise<Reply<OperationDocument> | null> => {
    const reply = await limit.keep(async (leftMs) =>
      client.post(
        path,
        leftMs === null ? body : { ...body, timeoutMs: leftMs },
        (line) => view.update(line),
        ended,
      ),
    );
    if (reply.ok || !limit.signal.aborted || reply.failure.exitCode !== EXIT.unreachable) return reply;
    unanswered.push(unit);
    return null;
  };
  const replies = [...(await inTurns(operations, ask))];
  for (const at of ended.aborted ? [] : await toSayAgain(client, verb, operations, replies)) {
    const { unit, body } = operations[at] ?? {};
    // What was restarted is not to be so a second time.
    const path = unit && unitPath(unit, verb === 'release' ? verb : 'start');
    if (unit && path && body) replies[at] = await ask({ unit, path, body });
  }
  view.close();
  if (interrupt.signal.aborted) {
    context.note(`detached: ${verb} goes on in the daemon, see: unitd status\n`);
    interrupt.die();
    return { kind: 'interrupted' };
  }
  interrupt.close();
  const refused: Failure[] = [];
  const documents: OperationDocument[] = [];
  for (const reply of replies) {
    if (reply === null) continue;
    if (reply.ok) documents.push(reply.value);
    else refused.push(await explained(client, reply.failure));
  }
  if (timeoutMs !== null && unanswered.length > 0) refused.push(silence(verb, unanswered, timeoutMs));
  return { kind: 'answered', document: merged(verb, documents), refused };
}

/**
 * The places of those that were said before the word for what they wait for, and judged by how that stood: of several
 * words, each is a request of its own.
 */
async function toSayAgain(
  client: Client,
  verb: OperationDocument['verb'],
  operations: readonly Operation[],
  replies: readonly (Reply<OperationDocument> | null)[],
): Promise<readonly number[]> {
  if (operations.length < 2 || !['start', 'restart', 'release'].includes(verb)) return [];
  const waiting = new Map<string, number>();
  const others = new Set<string>();
  replies.forEach((reply, at) => {
    for (const { name, outcome, state } of reply?.ok === true ? reply.value.units : []) {
      if (outcome !== 'failed') others.add(name);
      else if (state === 'waiting') waiting.set(name, at);
    }
  });
  if (waiting.size === 0 || others.size === 0) return [];
  const { judgedTooSoon } = await import('./held-above.ts');
  const names = await judgedTooSoon(client, [...waiting.keys()], others);
  return names.flatMap((name) => waiting.get(name) ?? []);
}

/** Time is up, and the daemon has not said how far it is. */
export function silence(
  verb: OperationDocument['verb'],
  [first = null, ...others]: readonly (string | null)[],
  timeoutMs: number,
): Failure {
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const what = first === null ? verb : `${verb} unit "${first}"${more}`;
  const limit = formatDuration(timeoutMs);
  return {
    exitCode: EXIT.failed,
    message: `cannot see the daemon ${what}: time is up, expected an answer within ${limit}`,
    hints: ['what it has taken in goes on: unitd status'],
    details: null,
  };
}

function merged(verb: OperationDocument['verb'], documents: readonly OperationDocument[]): OperationDocument {
  const units = new Map<string, MovedUnit>();
  for (const unit of documents.flatMap((document) => document.units)) units.set(unit.name, unit);
  return {
    apiVersion: API_VERSION,
    verb,
    ok: documents.every(({ ok }) => ok),
    units: [...units.values()],
    plan: documents[0]?.plan ?? null,
    problems: documents.flatMap(({ problems }) => problems),
  };
}

/** Tells how each unit ended (stderr), with --json the document (stdout); the exit code. */
export async function reportOutcome(context: Context, client: Client, outcome: Outcome): Promise<ExitCode> {
  if (outcome.kind === 'interrupted') return EXIT.failed;
  const { document, refused } = outcome;
  const isAnswered = document.units.length > 0 || refused.length === 0;
  if (!context.json) {
    context.note(outcomeLines(context, document));
    const stuck = document.units.filter((unit) => unit.outcome === 'failed' && unit.state === 'waiting');
    if (stuck.length > 0) {
      const { noteHolders } = await import('./held-above.ts');
      await noteHolders(
        context,
        client,
        stuck.map(({ name }) => name),
      );
    }
  } else if (isAnswered) printJson(context, document);
  // One document on stdout: where nothing was done, why the first was refused.
  const [first] = refused.map((failure, at) =>
    at === 0 && !isAnswered ? failed(context, failure) : complained(context, failure),
  );
  if (first !== undefined) return first;
  return document.ok ? EXIT.done : EXIT.failed;
}

function outcomeLines({ err }: Context, { units, verb }: OperationDocument): string {
  const { palette } = err;
  const width = nameColumns(units);
  return units
    .map((unit) => {
      const { outcome } = unit;
      const paint =
        outcome === 'failed'
          ? palette.red
          : outcome === 'excused'
            ? palette.yellow
            : statePaint(unit, palette);
      // What the state says already, or the outcome.
      const told = ['', 'up', unit.state].includes(unit.reason) || (unit.outcome === 'done' && unit.ready);
      const reason = told ? '' : `: ${printable(unit.reason)}`;
      const sign = paint(outcomeSign(unit, err));
      const name = units.length > 1 ? unit.name.padEnd(width) : unit.name;
      return `${sign} ${palette.bold(name)} ${paint(outcomeWords(unit, verb))}${palette.dim(reason)}\n`;
    })
    .join('');
}

function outcomeSign(unit: MovedUnit, screen: Screen): string {
  if (unit.outcome === 'failed') return stateSymbol({ state: 'failed', ready: false }, screen);
  // Not the sign of a failure: the verb has not failed.
  if (unit.outcome === 'excused') return screen.unicode ? '▲' : '!';
  return stateSymbol(unit, screen);
}

function outcomeWords(unit: MovedUnit, verb: OperationDocument['verb']): string {
  switch (unit.outcome) {
    case 'done':
      return verb === 'signal' ? 'signalled' : unit.state;
    case 'unchanged':
      return verb === 'reset' ? `${unit.state}, nothing to forget` : `${unit.state} already`;
    case 'pending':
      return `${unit.state} still`;
    case 'excused':
      return `${unit.state}, as before`;
    case 'failed':
      return unit.state === 'failed' ? 'failed' : `${verb} failed, ${unit.state}`;
  }
}
