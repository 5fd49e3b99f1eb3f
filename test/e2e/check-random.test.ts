// Thousands of documents that are hardly ever unit files, through `unitd check` as users run it: it never crashes or
// hangs, and each error that it prints says where, what was found, and what was expected.
//
// UNITD_TEST_DOCUMENTS says how many, UNITD_TEST_SEED which.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseUnit } from '../../src/config/parse.ts';
import type { Problem } from '../../src/model/problem.ts';
import { temporaryDirectory } from '../support/child.ts';
import { anyBytes, anyFields, anyPieces, anyText } from '../support/documents.ts';
import { run } from '../support/launch.ts';

const DOCUMENTS = Number(process.env['UNITD_TEST_DOCUMENTS'] ?? 2000);
const SEED = Number(process.env['UNITD_TEST_SEED'] ?? Date.now() % 1_000_000);
const AT_ONCE = 1000;

interface Checked {
  readonly files: number;
  readonly ok: boolean;
  readonly problems: readonly Problem[];
}

test(`check answers ${DOCUMENTS} random documents with problems that say what is wrong (seed ${SEED})`, async (t) => {
  const directory = temporaryDirectory(t);
  const anyDocument = fc.oneof(anyBytes, anyPieces, anyFields, anyText);
  let [refused, errors, slowestMs] = [0, 0, 0];
  // What is made once is made now.
  parseUnit({ name: 'first', file: 'first.yaml', bytes: new Uint8Array() });
  for (let done = 0; done < DOCUMENTS; done += AT_ONCE) {
    const documents = fc.sample(anyDocument, {
      numRuns: Math.min(AT_ONCE, DOCUMENTS - done),
      seed: SEED + done,
    });
    const batch = join(directory, String(done));
    mkdirSync(batch);
    const broken = documents.flatMap((bytes, index) => {
      const [name, file] = [`unit-${index}`, join(batch, `unit-${index}.yaml`)];
      writeFileSync(file, bytes);
      const beginMs = performance.now();
      const { spec } = parseUnit({ name, file, bytes });
      slowestMs = Math.max(slowestMs, performance.now() - beginMs);
      return spec === null ? [file] : [];
    });
    refused += broken.length;
    const launch = { args: ['check', '--json', batch], env: process.env, cwd: directory, asUser: undefined };
    const { code, stdout, stderr } = await run(launch);
    assert.equal(stderr, '');
    const checked: Checked = JSON.parse(stdout);
    assert.deepEqual([code, checked.ok, checked.files], [78, false, documents.length]);
    const complained = new Set(checked.problems.map(({ file }) => file));
    assert.deepEqual(
      broken.filter((file) => !complained.has(file)),
      [],
      'files that are not valid, of which nothing is said',
    );
    for (const { message, line, column } of checked.problems) {
      assert.match(message, /^cannot (load|start) unit "unit-\d+"( on this machine as it is)?: [^\n]+$/);
      assert.ok(line === null || (line > 0 && column !== null && column > 0), message);
    }
    errors += checked.problems.length;
  }
  t.diagnostic(
    `${DOCUMENTS} documents: ${refused} refused, ${errors} problems, slowest ${slowestMs.toFixed(0)} ms`,
  );
  assert.ok(refused < DOCUMENTS, 'some of them are unit files');
});
