// Measures what the units' process trees use, at a fixed interval, while anything runs. Keeps the latest figures, the
// peaks and a short history of each unit.
import type { UsageSources } from '../model/process.ts';
import type { Clock, Measurable, Member, Meter, Timer, Usage } from '../os/ports.ts';
import type { UsageSample } from '../wire/v1.ts';
import { timestamp } from './documents.ts';

/** Samples kept of each unit. */
const HISTORY_LENGTH = 60;

/** Changed in place, since there is one for each unit at each sample. */
interface Measured {
  /** The activation that the latest figures are of. */
  invocationId: string;
  /** Of the latest figures. */
  sources: UsageSources;
  latest: UsageSample;
  peakMemoryBytes: number;
  peakCpuPercent: number;
  peakTasks: number;
  /** Newest last. */
  readonly samples: UsageSample[];
}

export interface SamplerOptions {
  readonly clock: Clock;
  readonly meter: Meter;
  /** null: never measure. */
  readonly intervalMs: number | null;
  /** Of each unit that may have processes. */
  readonly trees: () => ReadonlyMap<string, Measurable>;
  readonly members: (unit: string) => readonly Member[];
  readonly onSample: (unit: string, usage: Usage) => void;
  readonly onTrouble: (message: string) => void;
}

export class Sampler {
  readonly #options: SamplerOptions;
  readonly #measured = new Map<string, Measured>();
  #timer: Timer | null = null;
  #isMeasuring = false;
  /** wake() was called while a measurement was under way, which may not see what woke it. */
  #isWoken = false;
  /** Units forgotten while a measurement was under way, which may still bring figures of them. */
  readonly #forgotten = new Set<string>();
  #isClosed = false;

  constructor(options: SamplerOptions) {
    this.#options = options;
  }

  /** Of activations that begin now. */
  get sources(): UsageSources {
    return this.#options.meter.sources;
  }

  of(unit: string): Readonly<Measured> | null {
    return this.#measured.get(unit) ?? null;
  }

  /** Something runs: the next sample is due one interval from now, unless one is due already. */
  wake(): void {
    const { clock, intervalMs } = this.#options;
    if (intervalMs === null || this.#timer !== null || this.#isClosed) return;
    this.#isWoken = this.#isMeasuring;
    if (this.#isMeasuring) return;
    this.#timer = clock.arm(clock.monotonicMs() + intervalMs, () => {
      this.#timer = null;
      void this.#measure();
    });
  }

  forget(unit: string): void {
    this.#measured.delete(unit);
    this.#options.meter.forget(unit);
    if (this.#isMeasuring) this.#forgotten.add(unit);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.close();
    this.#timer = null;
  }

  async #measure(): Promise<void> {
    const { trees, onTrouble } = this.#options;
    this.#isMeasuring = true;
    let isWanted = true;
    try {
      isWanted = (await this.#take(trees())) > 0;
    } catch (error) {
      onTrouble(`cannot measure usage: ${String(error)}`);
    }
    this.#isMeasuring = false;
    if (isWanted || this.#isWoken) this.wake();
  }

  async #take(living: ReadonlyMap<string, Measurable>): Promise<number> {
    const { meter, members, onSample, clock } = this.#options;
    this.#forgotten.clear();
    const usages = await meter.sample(living, members);
    const at = timestamp(clock.wallMs());
    for (const [unit, usage] of usages) {
      const tree = living.get(unit);
      if (tree === undefined || this.#isClosed || this.#forgotten.has(unit)) {
        meter.forget(unit);
        continue;
      }
      const { cpuPercent, memoryBytes, tasks } = usage;
      this.#keep(unit, tree.invocationId, { cpuPercent, memoryBytes, tasks, at }, usage);
      onSample(unit, usage);
    }
    return usages.size;
  }

  #keep(unit: string, invocationId: string, sample: UsageSample, { memoryPeakBytes, sources }: Usage): void {
    let kept = this.#measured.get(unit);
    if (kept === undefined) {
      const peaks = { peakMemoryBytes: 0, peakCpuPercent: 0, peakTasks: 0 };
      kept = { invocationId, sources, latest: sample, ...peaks, samples: [] };
      this.#measured.set(unit, kept);
    }
    kept.invocationId = invocationId;
    kept.latest = sample;
    kept.sources = sources;
    kept.peakMemoryBytes = Math.max(kept.peakMemoryBytes, sample.memoryBytes, memoryPeakBytes ?? 0);
    kept.peakCpuPercent = Math.max(kept.peakCpuPercent, sample.cpuPercent);
    kept.peakTasks = Math.max(kept.peakTasks, sample.tasks);
    kept.samples.push(sample);
    if (kept.samples.length > HISTORY_LENGTH) kept.samples.shift();
  }
}
