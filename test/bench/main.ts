// npm run bench: runs the measures, all or those named, prints a table and writes the figures as JSON.
//   npm run bench -- [--json PATH] [NAME...]
// These run only when they are named:
//   npm run bench -- soak [--minutes N]
//   npm run bench -- scale core-million limits
//   npm run bench -- peers peers-logs [--with NAME,NAME] [--rounds N] [--units N]   NAME: dinit, s6, …
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../src/base/package-root.ts';
import { coreEvent } from './core-event.ts';
import { coreMillion } from './core-million.ts';
import type { Measure } from './figures.ts';
import { fleet } from './fleet.ts';
import { flood } from './flood.ts';
import { idle } from './idle.ts';
import { limits } from './limits.ts';
import { logCapture } from './log-capture.ts';
import { peersLogs } from './peers-logs.ts';
import { peersWork } from './peers-work.ts';
import { reload } from './reload.ts';
import type { Result } from './report.ts';
import { documentOf, tableOf } from './report.ts';
import { restart } from './restart.ts';
import { scale } from './scale.ts';
import { Scope } from './scope.ts';
import { soak } from './soak.ts';
import { status } from './status.ts';

const STANDARD: readonly Measure[] = [coreEvent, fleet, restart, idle, status, reload, logCapture, flood];
const SOAK_MINUTES = '3';
const PEER_ROUNDS = '5';
const PEER_UNITS = '200';
const USAGE = 64;
/** A run that takes longer is broken: it is cleaned up and fails. */
const RUN_LIMIT_MS = 600_000;

async function runMeasure(measure: Measure, scope: Scope): Promise<Result> {
  const notes: string[] = [];
  console.error(`${measure.name}: ${measure.about}`);
  const startMs = performance.now();
  try {
    const figures = await measure.run(scope, (text) => void notes.push(text));
    const seconds = Math.round((performance.now() - startMs) / 1000);
    return { measure: measure.name, about: measure.about, notes, figures, seconds };
  } finally {
    await scope.close();
  }
}

interface Watch {
  readonly isOver: boolean;
  close(): void;
}

/** Ends the run early, by a signal or after too long: what the measure works on is taken away, and so it fails. */
function watchOver(current: () => Scope, limitMs: number): Watch {
  let isOver = false;
  const leave = (why: string): void => {
    isOver = true;
    console.error(`unitd bench: ${why}`);
    void current().close();
  };
  const limit = setTimeout(() => leave(`not done after ${limitMs / 1000} s`), limitMs);
  const interrupted = (): void => leave('interrupted');
  // A bug in a measure's callback must not leave its children behind.
  const broken = (error: Error): void => leave(error.stack ?? error.message);
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted).on('uncaughtException', broken);
  return {
    get isOver() {
      return isOver;
    },
    close: () => {
      clearTimeout(limit);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted).off('uncaughtException', broken);
    },
  };
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      json: { type: 'string', default: join(packageRoot(), 'build/bench.json') },
      with: { type: 'string' },
      rounds: { type: 'string', default: PEER_ROUNDS },
      units: { type: 'string', default: PEER_UNITS },
      minutes: { type: 'string', default: SOAK_MINUTES },
    },
    allowPositionals: true,
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) {
    console.error(`cannot soak for "${values.minutes}" minutes, expected a number above 0`);
    return USAGE;
  }
  const [rounds, units] = [Number(values.rounds), Number(values.units)];
  if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(units) || units < 1) {
    console.error(
      `cannot do ${values.rounds} rounds of ${values.units} units, expected whole numbers above 0`,
    );
    return USAGE;
  }
  const peers = values.with?.split(',') ?? null;
  const measures = [
    ...STANDARD,
    scale,
    coreMillion,
    limits,
    peersWork(rounds, units, peers),
    peersLogs(rounds, peers),
    soak(minutes),
  ];
  const unknown = positionals.filter((name) => !measures.some((measure) => measure.name === name));
  if (unknown.length > 0) {
    const known = measures.map(({ name }) => name).join(', ');
    console.error(`cannot run measure "${unknown.join('", "')}": expected ${known}`);
    return USAGE;
  }
  const wanted =
    positionals.length === 0 ? STANDARD : measures.filter(({ name }) => positionals.includes(name));
  const load = loadavg();
  const results: Result[] = [];
  let scope = new Scope();
  const watch = watchOver(() => scope, RUN_LIMIT_MS + (positionals.includes('soak') ? minutes * 60_000 : 0));
  const failed: string[] = [];
  for (const measure of wanted) {
    if (watch.isOver) break;
    scope = new Scope();
    try {
      results.push(await runMeasure(measure, scope));
    } catch (error) {
      failed.push(measure.name);
      console.error(
        `${measure.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }
  watch.close();
  console.log(tableOf(results));
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify(documentOf(results, load), null, 2)}\n`);
  console.error(`figures written to ${values.json}`);
  return failed.length > 0 || watch.isOver ? 1 : 0;
}

process.exitCode = await main();
