// The command line from its words to its exit code. Loads only what the verb needs.
import type { Run } from './context.ts';
import { contextOf } from './context.ts';
import { EXIT } from './exit-code.ts';
import { foreignRuntime } from './foreign-runtime.ts';
import { outputsOf } from './outputs.ts';
import { plainInvocation } from './plain-arguments.ts';
import type { Invocation } from './verb-spec.ts';
import type { RunDaemon } from './run-daemon.ts';

/** Runs one command line; the number is what the process exits with. */
export async function runCommandLine(argv: readonly string[], runDaemon: RunDaemon): Promise<number> {
  const invocation = plainInvocation(argv) ?? (await readWithCommander(argv));
  if (typeof invocation === 'number') return invocation;
  const run = await runOf(invocation.verb, runDaemon);
  const context = contextOf(invocation);
  const stranger = foreignRuntime(context.paths.socket, context.uid);
  // These two ask no daemon.
  if (stranger === null || ['check', 'schema'].includes(invocation.verb)) return run(context);
  context.note(`${context.err.palette.red('unitd:')} ${stranger}\n`);
  return EXIT.notPermitted;
}

async function readWithCommander(argv: readonly string[]): Promise<Invocation | number> {
  const { readArguments } = await import('./program.ts');
  const { screenOf } = await import('./screen.ts');
  const { programVersion } = await import('./program-version.ts');
  const { width, palette } = screenOf(process.stdout, process.env, 'auto');
  const look = { width: Math.min(width ?? 100, 100), palette };
  const reading = readArguments(argv, programVersion(), look);
  if (reading.kind === 'invocation') return reading.invocation;
  const { print, note } = outputsOf(false);
  if (reading.stdout !== '') print(reading.stdout);
  if (reading.stderr !== '') note(reading.stderr);
  return reading.exitCode;
}

async function runOf(verb: string, runDaemon: RunDaemon): Promise<Run> {
  switch (verb) {
    case 'status':
      return (await import('./verbs/status.ts')).runStatus;
    case 'logs':
      return (await import('./verbs/logs.ts')).runLogs;
    case 'events':
      return (await import('./verbs/events.ts')).runEvents;
    case 'deps':
      return (await import('./verbs/deps.ts')).runDeps;
    case 'show':
      return (await import('./verbs/show.ts')).runShow;
    case 'wait':
      return (await import('./verbs/wait.ts')).runWait;
    case 'plan':
      return (await import('./verbs/plan.ts')).runPlan;
    case 'reload':
      return (await import('./verbs/reload.ts')).runReload;
    case 'start':
    case 'stop':
    case 'restart':
    case 'release':
    case 'reset':
      return (await import('./verbs/operate.ts')).runOperate;
    case 'signal':
      return (await import('./verbs/signal.ts')).runSignal;
    case 'reexec':
      return (await import('./verbs/reexec.ts')).runReexec;
    case 'check':
      return (await import('./verbs/check.ts')).runCheck;
    case 'schema':
      return (await import('./verbs/schema.ts')).runSchema;
    case 'daemon': {
      const { runDaemonVerb } = await import('./verbs/daemon.ts');
      // Of a version that is tried: who asked may be gone by then.
      process.stdout.on('error', () => {});
      return async (context) => runDaemonVerb(context, runDaemon);
    }
    default:
      throw new Error(`no code for verb "${verb}"`);
  }
}
