// A run of which nothing is left: how it ended, and what the unit is now. Pure. What follows for one that ended by itself
// is resting.ts's answer.
import { formatDuration } from '../base/duration.ts';
import { ended, enter, record, uptime } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Stopping } from './machine-state.ts';
import { endRun, rest } from './resting.ts';
import type { Ending } from './restart.ts';

/** With `timeout: infinity`, how long anything may outlive the final signal. */
export const FINAL_TIMEOUT_MS = 10_000;

export function finish(draft: Draft, phase: Stopping): void {
  const { spec, effects } = draft;
  const killed = killedText(draft);
  const ending: Ending | null = withTrouble(
    phase.killed && (phase.requested || phase.ending?.kind === 'clean')
      ? {
          ...(phase.ending ?? ended('stop-timeout', '')),
          cause: 'stop-timeout',
          kind: 'timeout',
          text: killed,
        }
      : phase.ending,
    phase,
  );
  if (ending !== null) record(draft, ending, phase);
  effects.push({ type: 'end' });
  if (phase.abandoned && spec.stop.killMode !== 'none') {
    rest(draft, { at: 'failed', text: `some of its processes outlived ${spec.stop.finalSignal}` });
    return;
  }
  if (phase.requested || ending === null) {
    const told = [phase.killed ? killed : null, phase.trouble].filter((text) => text !== null);
    enter(draft, { at: 'stopped', text: told.length === 0 ? null : told.join('; ') });
    return;
  }
  if (phase.cleared) {
    enter(draft, { at: 'stopped', text: ending.text });
    return;
  }
  endRun(draft, ending, uptime(draft, phase.readyAt));
}

function killedText({ spec }: Draft): string {
  const { timeoutMs, signal, killMode } = spec.stop;
  const timeout = formatDuration(timeoutMs ?? FINAL_TIMEOUT_MS);
  if (killMode === 'none') return `did not stop within ${timeout}, and is left alone`;
  return `did not stop within ${timeout} of ${signal}`;
}

/** A run that ended cleanly by itself did not, if its own stop.command or stopPost failed; any other end tells of it. */
function withTrouble(ending: Ending | null, { trouble, requested }: Stopping): Ending | null {
  if (ending === null || trouble === null || requested) return ending;
  const kind = ending.kind === 'clean' ? 'unclean-code' : ending.kind;
  return { ...ending, kind, text: `${ending.text}; ${trouble}` };
}
