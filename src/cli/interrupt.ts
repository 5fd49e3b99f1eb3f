// Ctrl-C while waiting: the connection is let go, the work in the daemon goes on, and the shell learns of it.

export interface Interrupt {
  readonly signal: AbortSignal;
  /** Gives Ctrl-C back its default meaning. */
  close(): void;
  /** Ends this process as the signal would have: so that a shell script with this verb in it stops too. */
  die(): void;
}

/** The caller owns it and must close it. */
export function catchInterrupt(): Interrupt {
  const controller = new AbortController();
  let caught: NodeJS.Signals = 'SIGINT';
  const onSignal = (name: NodeJS.Signals): void => {
    caught = name;
    controller.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const close = (): void => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
  return {
    signal: controller.signal,
    close,
    die() {
      close();
      process.kill(process.pid, caught);
    },
  };
}
