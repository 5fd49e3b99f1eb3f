// How a unit looks from outside: its public state and the one sentence that says why. Pure.
import type { State } from '../model/state.ts';
import type { Unit } from './fleet.ts';

/** The public state. `waiting` is the one that no machine is in: at rest, wanted, and kept from starting. */
export function publicState(unit: Unit): State {
  const { phase } = unit.state;
  return phase.at === 'stopped' && unit.verdict.wanted === 'up' ? 'waiting' : phase.at;
}

/** Why it is in that state; one sentence without a full stop. */
export function reasonOf(unit: Unit): string {
  const { spec, state, verdict } = unit;
  const { phase, tally } = state;
  switch (phase.at) {
    case 'stopped':
      if (verdict.wanted === 'up') return verdict.down ?? verdict.wait ?? 'about to start';
      return phase.text === null
        ? (verdict.down ?? 'not started')
        : `${verdict.down ?? 'stopped'}; ${phase.text}`;
    case 'completed':
      return state.history.at(-1)?.text ?? 'has completed';
    case 'failed':
      return tally.attempt > 0 ? `${phase.text} (attempt ${tally.attempt + 1})` : phase.text;
    case 'backoff':
      return `${phase.ending.text}; attempt ${tally.attempt + 1} is due`;
    case 'starting':
      if (phase.helper?.role === 'start') return 'running its command';
      if (phase.helper !== null) return `running ${phase.helper.role}[${phase.helper.index}]`;
      // A record of an earlier version has no such field.
      if (phase.seeking)
        return `its command has ended; ${phase.seeking.text ?? 'its main process is sought'}`;
      return spec.type === 'oneshot' ? 'running its command' : 'starting';
    case 'running':
      if (verdict.down !== null) return `to be stopped: ${verdict.down}`;
      return runningReason(unit);
    case 'stopping':
      return stoppingReason(unit);
  }
}

function runningReason(unit: Unit): string {
  if (unit.spec.type === 'target') return 'all it requires is up';
  const { activation, intent, state } = unit;
  if (state.phase.at === 'running' && state.phase.main?.process === null)
    return 'its main process has ended; its pidFile may come to name another';
  if (intent?.wanted === 'up' && !unit.spec.enabled) return 'started by the operator';
  if (activation !== null && !unit.spec.enabled)
    return `${ACTIVATION_PHRASES[activation.field]} "${activation.by}"`;
  const last = state.history.at(-1);
  // Before its first start, it remembers the ends under an earlier daemon.
  const isAgain = state.activation > 1 && last !== undefined && !last.requested;
  return isAgain ? `up again: ${last.text}` : 'up';
}

const ACTIVATION_PHRASES = {
  requires: 'required by',
  wants: 'wanted by',
  bindsTo: 'needed by',
  upholds: 'upheld by',
  onFailure: 'started by the failure of',
  onSuccess: 'started by the success of',
} as const;

function stoppingReason(unit: Unit): string {
  const { phase } = unit.state;
  const { signal, finalSignal, killMode } = unit.spec.stop;
  if (phase.at !== 'stopping') return '';
  const why = phase.requested ? (unit.verdict.down ?? 'asked to stop') : (phase.ending?.text ?? 'has ended');
  switch (phase.step) {
    case 'command':
      return `${why}; running stop.command`;
    case 'signal':
      return killMode === 'none' || phase.sent === null
        ? `${why}; waiting for it to end`
        : `${why}; sent ${phase.sent ?? signal}`;
    case 'final':
      return `${why}; sent ${phase.sent ?? finalSignal}`;
    case 'post':
      return `${why}; running stopPost[${phase.helper?.index ?? 0}]`;
    case 'sweep':
      return `${why}; ending what stopPost left`;
  }
}
