// What stopPost is told of how the run ended, in the variables of systemd.exec(5). Pure.
import type { Variables } from './draft.ts';
import type { Ending } from './restart.ts';

/** null: it was stopped before anything went wrong. */
export function resultVariables(ending: Ending | null): Variables {
  if (ending === null) return { SERVICE_RESULT: 'success' };
  const result = { SERVICE_RESULT: serviceResult(ending) };
  if (ending.signal !== null) {
    const how = ending.cause === 'core' ? 'dumped' : 'killed';
    return { ...result, EXIT_CODE: how, EXIT_STATUS: ending.signal.replace(/^SIG/, '') };
  }
  return ending.code === null ? result : { ...result, EXIT_CODE: 'exited', EXIT_STATUS: String(ending.code) };
}

function serviceResult(ending: Ending): string {
  if (ending.kind === 'clean') return 'success';
  if (ending.kind === 'timeout') return 'timeout';
  switch (ending.cause) {
    case 'core':
      return 'core-dump';
    case 'oom-kill':
      return 'oom-kill';
    case 'signal':
      return 'signal';
    case 'spawn':
      return 'resources';
    case 'exit':
    case 'start-pre':
    case 'start-post':
    case 'start-timeout':
    case 'runtime-max':
    case 'stop-timeout':
    case 'unknown':
      return 'exit-code';
  }
}
