// What a measure must undo, last thing first, all of it even when one undoing fails.

type Undo = () => void | Promise<void>;

export class Scope {
  readonly #undos: Undo[] = [];
  #isClosed = false;

  /** Throws once the scope is closed: what would be started now would stay. */
  defer(undo: Undo): void {
    if (this.#isClosed) throw new Error('the measure is over');
    this.#undos.push(undo);
  }

  /** A part of the measure whose things go when it is over, not with the whole. */
  async within<T>(part: (inner: Scope) => Promise<T>): Promise<T> {
    const inner = new Scope();
    this.defer(async () => await inner.close());
    try {
      return await part(inner);
    } finally {
      await inner.close();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const failures: unknown[] = [];
    for (let undo = this.#undos.pop(); undo !== undefined; undo = this.#undos.pop()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'));
  }
}
