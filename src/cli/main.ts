// The command line from its words to its exit code. Loads only what the verb needs.
import type { Run } from './context.ts';
import { contextOf } from './context.ts';
import { EXIT } from './exit-code.ts';
import { plainInvocation } from './plain-arguments.ts';
import type { Invocation } from './verb-spec.ts';
import type { RunDaemon } from './run-daemon.ts';

/** Runs one command line; the number is what the process exits with. */
export async function runCommandLine(argv: readonly string[], runDaemon: RunDaemon): Promise<number> {
  quietBrokenPipe();
  const invocation = plainInvocation(argv) ?? (await readWithCommander(argv));
  if (typeof invocation === 'number') return invocation;
  const run = await runOf(invocation.verb, runDaemon);
  return run(contextOf(invocation));
}

async function readWithCommander(argv: readonly string[]): Promise<Invocation | number> {
  const { readArguments } = await import('./program.ts');
  const { screenOf } = await import('./screen.ts');
  const { programVersion } = await import('./program-version.ts');
  const { width, palette } = screenOf(process.stdout, process.env, 'auto');
  const look = { width: Math.min(width ?? 100, 100), palette };
  const reading = readArguments(argv, programVersion(), look);
  if (reading.kind === 'invocation') return reading.invocation;
  if (reading.stdout !== '') process.stdout.write(reading.stdout);
  if (reading.stderr !== '') process.stderr.write(reading.stderr);
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
      return async (context) => runDaemonVerb(context, runDaemon);
    }
    default:
      throw new Error(`no code for verb "${verb}"`);
  }
}

// `unitd status | head`: the reader has seen enough, which is no failure of ours.
function quietBrokenPipe(): void {
  const leave = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    // oxlint-disable-next-line no-process-exit -- a stream that is followed would otherwise go on for ever
    process.exit(EXIT.done);
  };
  process.stdout.on('error', leave);
}
