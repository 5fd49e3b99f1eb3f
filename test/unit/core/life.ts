// One machine and a script of what happens to it, in words, for tables of tests.
import type { MachineEffect, MachineEvent, MachineState } from '../../../src/core/machine-state.ts';
import { deadlineOf, NEW_STATE } from '../../../src/core/machine-state.ts';
import { step } from '../../../src/core/machine.ts';
import { formatDuration, parseDuration } from '../../../src/base/duration.ts';
import type { UnitSpec } from '../../../src/model/unit.ts';

export interface Life {
  readonly state: MachineState;
  /** Where it is now, in words. */
  readonly phase: string;
  /** Everything that was asked for by the last event, in words. */
  readonly effects: readonly string[];
  readonly nowMs: number;
}

/**
 * The words: `start`, `stop`, `hurry`, `clear`, `activate`, `respecify`, `refuse TEXT`, `wait 5s` (the clock goes on), `word` (an operator
 * has said something), `deadline`
 * (to the armed one, which passes), `deadline 123` (that number passes), `there N`, `lacks N` (run N could not be
 * spawned), `exit N CODE`, `exit N SIGNAL`, `exit N SIGNAL core`, `exit N unknown`, `tree empty`, `tree alive`; of a
 * forking unit's main process `main N` (found), `unknown N TEXT` and `lost N`.
 */
export function live(spec: UnitSpec, script: readonly string[], upheld = false): Life {
  let state = NEW_STATE;
  let nowMs = 0;
  let words = 0;
  let effects: readonly MachineEffect[] = [];
  for (const line of script) {
    const [word = '', first = ''] = line.split(' ');
    if (word === 'word') words += 1;
    if (word === 'wait') nowMs += parseDuration(first) ?? 0;
    if (line === 'deadline') nowMs = Math.max(nowMs, deadlineOf(state.phase) ?? nowMs);
    const event = word === 'wait' || word === 'word' ? null : eventOf(line, state);
    if (event === null) continue;
    const stepped = step(spec, state, event, { nowMs, wallMs: nowMs, random: 0.5, upheld, words });
    state = stepped.state;
    effects = stepped.effects;
  }
  return { state, phase: phaseText(state, nowMs), effects: effects.map(effectText), nowMs };
}

function eventOf(line: string, state: MachineState): MachineEvent {
  const [word = '', first = '', second = '', third = ''] = line.split(' ');
  const run = Number(first);
  switch (word) {
    case 'start':
      return { type: 'start-requested' };
    case 'stop':
      return { type: 'stop-requested' };
    case 'hurry':
      return { type: 'hurried' };
    case 'clear':
      return { type: 'cleared', counts: 'attempts' };
    case 'activate':
      return { type: 'activated' };
    case 'respecify':
      return { type: 'respecified' };
    case 'refuse':
      return { type: 'start-refused', text: line.slice('refuse '.length) };
    case 'deadline':
      return {
        type: 'deadline-passed',
        deadline: first === '' ? (deadlineOf(state.phase) ?? Number.NaN) : Number(first),
      };
    case 'there':
      return { type: 'spawned', run, process: { pid: 100 + run, startTicks: run } };
    case 'lacks':
      return {
        type: 'spawn-failed',
        run,
        failure: { stage: 'command', errno: 'ENOENT', reason: 'no such file' },
      };
    case 'exit':
      return {
        type: 'exited',
        run,
        status: {
          code: /^\d+$/.test(second) ? Number(second) : null,
          signal: second.startsWith('SIG') ? second : null,
          coreDumped: third === 'core',
        },
      };
    case 'main':
      return { type: 'main-found', run, process: { pid: 100 + run, startTicks: run } };
    case 'unknown':
      return { type: 'main-unknown', run, text: line.slice(`unknown ${first} `.length) };
    case 'lost':
      return { type: 'main-lost', run };
    case 'tree':
      return { type: 'surveyed', survivors: first === 'alive' };
    default:
      throw new Error(`cannot read script line "${line}": ${word}, expected one of the words of live()`);
  }
}

export function phaseText({ phase }: MachineState, nowMs: number): string {
  switch (phase.at) {
    case 'stopped':
      return phase.text === null ? 'stopped' : `stopped: ${phase.text}`;
    case 'completed':
      return phase.swept ? 'completed, swept' : 'completed';
    case 'failed':
      return `failed: ${phase.text}`;
    case 'backoff':
      return `backoff ${formatDuration(phase.deadline - nowMs)}: ${phase.ending.text}`;
    case 'starting':
      if (phase.seeking !== null) return `starting, main ${phase.seeking.id} sought`;
      return `starting ${phase.helper === null ? 'main' : `${phase.helper.role}[${phase.helper.index}]`}`;
    case 'running':
      return 'running';
    case 'stopping':
      return `stopping ${phase.step}`;
  }
}

function effectText(effect: MachineEffect): string {
  switch (effect.type) {
    case 'spawn': {
      const variables = Object.entries(effect.variables).map(([name, value]) => `${name}=${value}`);
      return ['spawn', effect.run, effect.role, effect.command.argv[0], ...variables].join(' ');
    }
    case 'signal':
      return `signal ${effect.process.pid} ${effect.signal}`;
    case 'seek-main':
      return `seek main ${effect.run}`;
    case 'signal-tree':
      return `signal tree ${effect.signal}`;
    case 'record':
      return `record ${effect.exit.cause}${effect.exit.requested ? ', requested' : ''}: ${effect.exit.text}`;
    case 'begin':
    case 'limit':
    case 'survey':
    case 'end':
      return effect.type;
  }
}
