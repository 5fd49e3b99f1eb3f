// Looks whether anything of a unit lives, and again whenever something ends, until nobody asks any more. The end of an
// orphan may be the end of some tree that is waited for; which one, it cannot say.
import type { ProcessId } from '../model/process.ts';
import type { Processes } from '../os/ports.ts';
import type { Activations } from './activations.ts';

/** Until the next look where the last one could not tell. */
const UNSURE_MS = 2;

export interface SurveyAnswers {
  /** Before the answer that somebody lives. */
  readonly onSurvivors: (unit: string) => void;
  readonly onSurveyed: (unit: string, survivors: boolean) => void;
}

export class Surveys {
  readonly #processes: Processes;
  readonly #activations: Activations;
  readonly #answers: SurveyAnswers;
  /** Units that asked for a survey and may be waiting for the end of processes that are not ours to name. */
  readonly #surveying = new Set<string>();
  #nextTurn: NodeJS.Immediate | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(processes: Processes, activations: Activations, answers: SurveyAnswers) {
    this.#processes = processes;
    this.#activations = activations;
    this.#answers = answers;
  }

  begin(unit: string): void {
    this.#surveying.add(unit);
    this.#survey(unit);
  }

  end(unit: string): void {
    this.#surveying.delete(unit);
  }

  /** In the next turn: something has ended. */
  again(): void {
    if (this.#surveying.size === 0) return;
    this.#nextTurn ??= setImmediate(() => {
      this.#nextTurn = null;
      for (const unit of [...this.#surveying]) this.#survey(unit);
    });
  }

  /** Looks no more, and answers nobody. */
  close(): void {
    this.#surveying.clear();
    if (this.#nextTurn !== null) clearImmediate(this.#nextTurn);
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Nobody says when an exec is over. */
  #soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.again();
    }, UNSURE_MS);
  }

  #survey(unit: string): void {
    const members = this.#activations.members(unit);
    const isTold = members.length > 0 && this.#processes.tellWhenEmpty(this.#activations.treeOf(unit));
    if (!isTold && this.#activations.isInherited(unit)) this.#watchAll(members);
    // Who was in the middle of fork or exec when the signal went round could not be found then.
    if (members.length > 0) this.#answers.onSurvivors(unit);
    else if (this.#processes.isUnsure()) {
      this.#soon();
      return;
    }
    this.#answers.onSurveyed(unit, members.length > 0);
  }

  #watchAll(members: readonly ProcessId[]): void {
    const watched = members.map((member) => this.#processes.adopt(member));
    // Who ended before it was watched is not reported.
    if (watched.includes(false)) this.again();
  }
}
