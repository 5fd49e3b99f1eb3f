// What a verb is given: where the daemon is, where its words go, what time it is. Verbs touch process.* only here.
import { resolvePaths } from '../base/paths.ts';
import type { Paths } from '../base/paths.ts';
import { outputsOf } from './outputs.ts';
import { screenOf } from './screen.ts';
import type { ColorChoice, Screen } from './screen.ts';
import { given, valueOf } from './verb-spec.ts';
import type { Invocation } from './verb-spec.ts';

export interface Context {
  readonly invocation: Invocation;
  readonly paths: Paths;
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of stdout. */
  readonly out: Screen;
  /** Of stderr. */
  readonly err: Screen;
  /** Whether --json was given. */
  readonly json: boolean;
  /** To stdout: the answer, line feeds included. */
  readonly print: (text: string) => void;
  /** To stderr: everything else, line feeds included. */
  readonly note: (text: string) => void;
  readonly now: () => number;
}

/** One verb: does it and says what to exit with. */
export type Run = (context: Context) => Promise<number>;

export function contextOf(invocation: Invocation): Context {
  const { env } = process;
  const uid = process.getuid?.() ?? 0;
  const color = colorChoice(valueOf(invocation, 'color'));
  const flags = {
    socket: valueOf(invocation, 'socket'),
    units: valueOf(invocation, 'units'),
    runtimeDir: valueOf(invocation, 'runtime-dir'),
    stateDir: valueOf(invocation, 'state-dir'),
    logDir: valueOf(invocation, 'log-dir'),
  };
  const { print, note } = outputsOf(invocation.verb === 'logs' || invocation.verb === 'events');
  let out: Screen | undefined;
  let err: Screen | undefined;
  return {
    invocation,
    paths: resolvePaths({ uid, env: socketOf(flags.runtimeDir, flags.socket, env), flags }),
    uid,
    env,
    // Looked at no earlier than needed, as they are opened by that.
    get out() {
      return (out ??= screenOf(process.stdout, env, color));
    },
    get err() {
      return (err ??= screenOf(process.stderr, env, color));
    },
    json: given(invocation, 'json'),
    print,
    note,
    now: Date.now,
  };
}

// --runtime-dir on the command line is nearer than a UNITD_SOCKET of the environment.
function socketOf(
  runtimeDir: string | undefined,
  socket: string | undefined,
  env: Context['env'],
): Context['env'] {
  return runtimeDir !== undefined && socket === undefined ? { ...env, UNITD_SOCKET: undefined } : env;
}

function colorChoice(value: string | undefined): ColorChoice {
  return value === 'always' || value === 'never' ? value : 'auto';
}

export function printJson(context: Context, document: unknown): void {
  context.print(`${JSON.stringify(document, null, 2)}\n`);
}
