// Sends an operator's signal to the processes of a unit.
import type { Unit } from '../core/fleet.ts';
import { publicState } from '../core/view.ts';
import type { Processes } from '../os/ports.ts';
import type { UnitRequest } from '../wire/v1.ts';
import type { Refusal } from './control.ts';
import type { Effects } from './effects.ts';
import { meantSignal } from './meant-signal.ts';
import { notSignalled } from './refusals.ts';

/** Null once it is sent, to one of them at least. */
export function signalUnit(
  unit: Unit,
  { signal: asked = 'SIGTERM', whom }: UnitRequest,
  effects: Effects,
  processes: Processes,
): Refusal | null {
  const { name } = unit.spec;
  const signal = meantSignal(asked);
  if (signal === null) {
    const expected = 'expected a name or number such as HUP, SIGUSR1 or 9';
    return notSignalled(name, `"${asked}" is no signal, ${expected}`, 400);
  }
  if (whom === 'all' && effects.members(name).length > 0) {
    const reached = processes.signalTree(effects.treeOf(name), signal);
    return reached > 0 ? null : notSignalled(name, 'none of its processes could be sent it', 403);
  }
  if (unit.spec.type === 'target') {
    return notSignalled(name, 'it is a target, which runs no process, expected a unit that runs one', 409);
  }
  const { phase } = unit.state;
  const main = 'main' in phase ? phase.main?.process : undefined;
  if (!main) {
    const state = publicState(unit);
    const lacking = whom === 'all' ? 'process' : 'main process';
    return notSignalled(name, `it has no ${lacking} (its state is ${state}), expected a running one`, 409);
  }
  switch (processes.signal(main, signal)) {
    case 'sent':
      return null;
    case 'denied':
      return notSignalled(name, 'not permitted', 403);
    case 'gone':
      return notSignalled(name, 'its main process has just ended, expected a running one', 409);
    case 'unknown':
      return notSignalled(name, `/proc does not show its main process, pid ${main.pid}, expected it to`, 409);
  }
}
