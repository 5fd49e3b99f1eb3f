// How a state looks: its symbol, colour and word, the same on every screen.
import type { State } from '../model/state.ts';
import type { Paint, Palette } from './palette.ts';
import type { Screen } from './screen.ts';

export interface StateFacts {
  readonly state: State;
  readonly ready: boolean;
}

interface Look {
  readonly symbol: string;
  readonly ascii: string;
  readonly color: keyof Palette;
}

const LOOKS: Readonly<Record<State, Look>> = {
  running: { symbol: '●', ascii: '*', color: 'green' },
  completed: { symbol: '✓', ascii: '+', color: 'green' },
  starting: { symbol: '◐', ascii: '>', color: 'cyan' },
  stopping: { symbol: '◑', ascii: '<', color: 'cyan' },
  waiting: { symbol: '◌', ascii: '.', color: 'yellow' },
  backoff: { symbol: '↻', ascii: '~', color: 'yellow' },
  failed: { symbol: '✗', ascii: 'x', color: 'red' },
  stopped: { symbol: '○', ascii: 'o', color: 'dim' },
};

export function stateSymbol({ state, ready }: StateFacts, screen: Screen): string {
  const look = state === 'running' && !ready ? LOOKS.starting : LOOKS[state];
  return screen.unicode ? look.symbol : look.ascii;
}

export function statePaint({ state, ready }: StateFacts, palette: Palette): Paint {
  return palette[state === 'running' && !ready ? 'cyan' : LOOKS[state].color];
}

/** It is up, or has ended cleanly: for a service that is not to be up, and no failure. */
export function isWell({ state, ready }: StateFacts): boolean {
  return ready || state === 'completed';
}
