// `npm test`: hands the compiled test files to node's own test runner, whose summary is the last thing printed.
// node 20 expands no globs, and a compiled file may outlive its source: the list is made from the sources here.
//
//   npm test                         everything
//   npm test -- e2e/ restart         files whose path below test/ contains one of the words
//   npm test -- --test-name-pattern=backoff unit/      options go to node as they are
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { availableParallelism, constants } from 'node:os';
import { packageRoot } from '../src/base/package-root.ts';
import { killMarked } from './support/processes.ts';

/** Files at once: most of a test is waiting. */
const CONCURRENCY = 2 * availableParallelism();
/** The longest that one file may take; a test has its own, shorter limit. */
const FILE_TIMEOUT_MS = 600_000;

const root = packageRoot();
const options = process.argv.slice(2).filter((word) => word.startsWith('-'));
const words = process.argv.slice(2).filter((word) => !word.startsWith('-'));

const sources = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.ts'))
  .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
  .sort();

if (sources.length === 0) {
  process.stderr.write(`cannot run tests: no file below test/ matches ${JSON.stringify(words)}\n`);
  process.exitCode = 1;
} else {
  process.exitCode = await run(sources);
}

async function run(paths: readonly string[]): Promise<number> {
  const marker = randomUUID();
  const temporary = mkdtempSync('/tmp/unitd-');
  chmodSync(temporary, 0o711);
  const compiled = paths.map((path) => join(import.meta.dirname, path.replace(/\.ts$/, '.js')));
  const child = spawn(
    process.execPath,
    [
      '--enable-source-maps',
      '--test',
      '--test-reporter=spec',
      `--test-concurrency=${CONCURRENCY}`,
      `--test-timeout=${FILE_TIMEOUT_MS}`,
      ...options,
      ...compiled,
    ],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      cwd: root,
      env: { ...process.env, UNITD_TEST_RUN: marker, UNITD_TEST_TMP: temporary },
    },
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) =>
      resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
  // A test file that was ended at its time limit could not clean up after itself.
  const left = killMarked({ environment: `UNITD_TEST_RUN=${marker}`, directory: temporary });
  rmSync(temporary, { recursive: true, force: true });
  if (left.length === 0) return code;
  process.stderr.write(`processes outlived the tests, and were killed:\n${left.join('\n')}\n`);
  return 1;
}
