// Operations that somebody waits for while the daemon is replaced: given to the next version, which keeps each until it
// is asked for, or until it is replaced itself. Waits for nothing.
import { randomUUID } from 'node:crypto';
import type { Plan } from '../model/plan.ts';
import type { Problem } from '../model/problem.ts';
import type { MovedUnit, OperationDocument } from '../wire/v1.ts';
import type { HandedOver } from './control.ts';
import type { Goal } from './operations.ts';
import { handedOver } from './refusals.ts';

/** What was asked for, and how far it has come. */
export interface Waited {
  readonly verb: OperationDocument['verb'];
  readonly goals: readonly Goal[];
  /** Units whose failure is none of this operation. */
  readonly excused: readonly string[];
  /** Units that waited before: that they still do is none. A version before this one says nothing of them. */
  readonly stranded?: readonly string[];
  readonly plan: Plan | null;
  readonly problems: readonly Problem[];
  /** On the monotonic clock; null: for ever. */
  readonly deadlineMs: number | null;
  /** Of the goals that were settled before the daemon was replaced. */
  readonly moved: readonly MovedUnit[];
}

export interface HandedOperation extends Waited {
  readonly id: string;
}

export class HandedOperations {
  readonly #taken: Map<string, Waited>;
  readonly #given: HandedOperation[] = [];

  constructor(earlier: readonly HandedOperation[]) {
    this.#taken = new Map(earlier.map(({ id, ...waited }) => [id, waited]));
  }

  /** For the next version. */
  get given(): readonly HandedOperation[] {
    return this.#given;
  }

  give(waited: Waited): HandedOver {
    const id = randomUUID();
    this.#given.push({ id, ...waited });
    return { ...handedOver(id), operation: id };
  }

  /** Once: whoever asks goes on waiting for it. */
  take(id: string): Waited | null {
    const waited = this.#taken.get(id);
    this.#taken.delete(id);
    return waited ?? null;
  }
}
