// The signals that mean something to the daemon, kept from its first line on until its life has begun: most of its code
// is still to be loaded then, and node would end by each of them. Loads nothing: it comes before everything else.

const STOPS = ['SIGTERM', 'SIGINT'] as const;
/**
 * What container managers send to a first process beside these: SIGPWR is LXC's, SIGQUIT the STOPSIGNAL of many images.
 * The kernel drops what a first process does not handle; anybody else may mean SIGQUIT as an end without a farewell.
 */
const STOPS_OF_INIT = ['SIGQUIT', 'SIGPWR'] as const;
/** Node would open its debugger for the first, and end by the second. */
export const IGNORED_SIGNALS = ['SIGUSR1', 'SIGUSR2'] as const;

/** Those that wish for the daemon's end. */
export function stopSignals(): readonly NodeJS.Signals[] {
  return process.pid === 1 ? [...STOPS, ...STOPS_OF_INIT] : STOPS;
}

export interface EarlyWishes {
  /** In the order in which they came. */
  readonly stops: readonly NodeJS.Signals[];
  readonly reload: boolean;
}

export class EarlySignals {
  readonly #kept: NodeJS.Signals[] = [];
  readonly #keep = (signal: NodeJS.Signals): void => {
    this.#kept.push(signal);
  };

  keep(): void {
    for (const signal of heeded()) process.on(signal, this.#keep);
  }

  /** What has come so far. Keeps no more: others are to listen already. */
  take(): EarlyWishes {
    for (const signal of heeded()) process.off(signal, this.#keep);
    const kept = this.#kept.splice(0);
    const stops = stopSignals();
    return { stops: kept.filter((signal) => stops.includes(signal)), reload: kept.includes('SIGHUP') };
  }
}

function heeded(): readonly NodeJS.Signals[] {
  return [...stopSignals(), 'SIGHUP', ...IGNORED_SIGNALS];
}
