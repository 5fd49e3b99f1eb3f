// A supervisor at work: started in a place of its own, asked, and ended with all that carries its mark.
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { processesWith } from '../../support/processes.ts';
import { cpuMs, memoryOf } from '../proc-figures.ts';
import type { Place } from '../place.ts';
import type { Scope } from '../scope.ts';
import { monotonicMs } from '../stamps.ts';
import type { Setup } from './peer.ts';

const END_LIMIT_MS = 20_000;

export class Running {
  /** Just before the daemon's exec. */
  readonly startMs: number;
  readonly #place: Place;
  readonly #setup: Setup;
  readonly #daemon: ChildProcess;
  readonly #env: NodeJS.ProcessEnv;

  constructor(scope: Scope, place: Place, setup: Setup) {
    this.#place = place;
    this.#setup = setup;
    this.#env = { ...place.env, ...setup.env };
    const [program = '', ...words] = setup.daemon;
    const outputFd = openSync(this.#outputPath, 'w');
    this.startMs = monotonicMs();
    this.#daemon = spawn(program, words, {
      cwd: place.root,
      env: this.#env,
      stdio: ['ignore', outputFd, outputFd],
    });
    closeSync(outputFd);
    scope.defer(async () => await this.end());
  }

  get #outputPath(): string {
    return join(this.#place.root, 'daemon.out');
  }

  /** What is awaited of children, or the failure of the daemon's command. */
  async whileItLives<T>(awaited: Promise<T>): Promise<T> {
    const daemon = this.#daemon;
    const watch = new AbortController();
    const failed = new Promise<never>((_, reject) => {
      const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
        if (code === 0 || watch.signal.aborted) return;
        const said = readFileSync(this.#outputPath, 'utf8').slice(-500);
        reject(new Error(`${this.#setup.daemon.join(' ')}: ended with ${signal ?? `code ${code}`}: ${said}`));
      };
      daemon.once('error', reject).once('exit', ended);
      if (daemon.exitCode !== null || daemon.signalCode !== null) ended(daemon.exitCode, daemon.signalCode);
    });
    try {
      return await Promise.race([awaited, failed]);
    } finally {
      watch.abort();
    }
  }

  /** How long a command took, start and end of its process included; its exit code must be one of `codes`. */
  wallMs(argv: readonly string[], codes: readonly number[] = [0]): number {
    const [program = '', ...words] = argv;
    const startMs = monotonicMs();
    const { status, error } = spawnSync(program, words, { env: this.#env, stdio: 'ignore' });
    const wallMs = monotonicMs() - startMs;
    if (error !== undefined) throw error;
    if (status === null || !codes.includes(status)) {
      throw new Error(`${argv.slice(0, 3).join(' ')}: exit code ${status}, expected ${codes.join(' or ')}`);
    }
    return wallMs;
  }

  /** All of its processes, without the jobs. */
  pids(jobProgram: string): readonly number[] {
    return processesWith(this.#place.mark)
      .filter(({ command, state }) => state !== 'Z' && !command.startsWith(`${jobProgram} `))
      .map(({ pid }) => pid);
  }

  memoryMB(jobProgram: string): number {
    return sum(this.pids(jobProgram).map((pid) => memoryOf(pid).proportionalMB));
  }

  processorMs(jobProgram: string): number {
    return sum(this.pids(jobProgram).map(cpuMs));
  }

  /** In order where the supervisor has an order; the place kills what is left. */
  async end(): Promise<void> {
    if (!this.#setup.endsBySignal || this.#daemon.exitCode !== null || this.#daemon.signalCode !== null)
      return;
    const exit = once(this.#daemon, 'exit');
    this.#daemon.kill('SIGTERM');
    const limit = setTimeout(() => this.#daemon.kill('SIGKILL'), END_LIMIT_MS);
    await exit;
    clearTimeout(limit);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
