// Lines on their way to a client that may read slowly or never: a bounded queue that its source never waits for.
// It must not know what the lines say; whoever makes it says what stands for the lines that were dropped.

export interface LineQueue<L> {
  /** Drops the line when the queue is full. */
  readonly push: (line: L) => void;
  /** Keeps the line however full the queue is. */
  readonly pushAlways: (line: L) => void;
  /** What was pushed before is still read; what is pushed after is not. */
  readonly end: () => void;
  /** All that is waiting, joined, each time it is asked for; one reader only. */
  readonly pieces: AsyncIterable<string>;
}

/** `lost(count, last)` makes the line that takes the place of `count` dropped ones, of which `last` was the last. */
export function lineQueue<L>(maxBytes: number, lost: (count: number, last: L) => L | null): LineQueue<L> {
  let waiting: string[] = [];
  let waitingBytes = 0;
  let dropped: { readonly count: number; readonly last: L } | null = null;
  let ended = false;
  let wake = (): void => {};

  function append(text: string): void {
    waiting.push(text);
    waitingBytes += Buffer.byteLength(text);
    wake();
  }

  /** The dropped lines came after all that waits, so their stand-in closes the piece. */
  function taken(): string {
    if (dropped !== null) {
      const line = lost(dropped.count, dropped.last);
      if (line !== null) waiting.push(lineOf(line));
      dropped = null;
    }
    const piece = waiting.join('');
    waiting = [];
    waitingBytes = 0;
    return piece;
  }

  async function* pieces(): AsyncGenerator<string> {
    for (;;) {
      if (waiting.length > 0) yield taken();
      else if (ended) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }

  return {
    push(line): void {
      if (ended) return;
      if (dropped === null) {
        const text = lineOf(line);
        if (waiting.length === 0 || waitingBytes + Buffer.byteLength(text) <= maxBytes) return append(text);
      }
      dropped = { count: (dropped?.count ?? 0) + 1, last: line };
    },
    pushAlways(line): void {
      if (!ended) append(lineOf(line));
    },
    end(): void {
      ended = true;
      wake();
    },
    pieces: { [Symbol.asyncIterator]: pieces },
  };
}

export function lineOf(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
