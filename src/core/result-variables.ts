// What stopPost is told of how the run ended, in the variables of systemd.exec(5). Pure.
import type { ExitRecord } from '../model/state.ts';
import type { Variables } from './draft.ts';
import type { Ending } from './restart.ts';

/** `ending` null: it was stopped before anything went wrong; `completed`: as a oneshot, whose command ended like this. */
export function resultVariables(ending: Ending | null, completed: ExitRecord | null): Variables {
  const how = ending ?? completed;
  const result = { SERVICE_RESULT: ending === null ? 'success' : serviceResult(ending) };
  if (how === null) return result;
  if (how.signal !== null) {
    const code = how.cause === 'core' ? 'dumped' : 'killed';
    return { ...result, EXIT_CODE: code, EXIT_STATUS: how.signal.replace(/^SIG/, '') };
  }
  return how.code === null ? result : { ...result, EXIT_CODE: 'exited', EXIT_STATUS: String(how.code) };
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
