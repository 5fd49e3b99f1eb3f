// A queue of asynchronous jobs that run one after another.

export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `job` after all before it have ended, whatever became of them. */
  take<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#last.then(job);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when nothing that was queued so far is left; never rejects. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
