import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Archive } from '../../../src/logs/archive.ts';
import { SPEC, temporaryDirectory } from '../../fixtures/log-setup.ts';

test('Archive.tidy(): those that are asked for before one has begun are that one, and what comes later is seen to', async (t) => {
  const directory = temporaryDirectory(t);
  let reads = 0;
  const settled = (): Promise<void> => {
    reads += 1;
    return Promise.resolve();
  };
  const archive = new Archive(
    { directory, wallMs: () => 0, settled },
    { ...SPEC, maxFiles: 1, maxAgeMs: null, compress: false },
  );
  const rotated = (): string => {
    const name = archive.nextName('cri', 1);
    writeFileSync(join(directory, name), 'a line\n');
    archive.named();
    return name;
  };
  const names = Array.from({ length: 1000 }, () => {
    const name = rotated();
    void archive.tidy();
    return name;
  });
  await archive.close();
  assert.equal(reads, 1);
  assert.deepEqual(
    names.filter((name) => existsSync(join(directory, name))),
    names.slice(-1),
  );
  const next = rotated();
  await archive.tidy();
  assert.equal(reads, 2);
  assert.deepEqual(
    [existsSync(join(directory, names.at(-1) ?? '')), existsSync(join(directory, next))],
    [false, true],
  );
});
