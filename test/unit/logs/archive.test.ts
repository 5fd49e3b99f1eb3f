import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Archive } from '../../../src/logs/archive.ts';
import { SPEC, compressed, temporaryDirectory } from '../../fixtures/log-setup.ts';

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

test('Archive.close(): gives up a compression under way, and those that wait for one of another; the next archive begins anew', async (t) => {
  const archiveIn = (directory: string): Archive =>
    new Archive(
      { directory, wallMs: () => 0, settled: () => Promise.resolve() },
      { ...SPEC, compress: true },
    );
  const name = '20261122T185151.123Z-0001.raw';
  const large = temporaryDirectory(t);
  writeFileSync(join(large, name), '');
  // Sparse: takes no space, but many seconds to compress.
  truncateSync(join(large, name), 8 * 2 ** 30);
  const other = temporaryDirectory(t);
  writeFileSync(join(other, name), 'a line\n');
  const busy = archiveIn(large);
  const waiting = archiveIn(other);
  await busy.tidy();
  await waiting.tidy();
  while (!existsSync(join(large, `${name}.gz.part`))) await access(large);
  await waiting.close();
  assert.deepEqual(readdirSync(other), [name]);
  assert.equal(existsSync(join(large, `${name}.gz.part`)), true);
  await busy.close();
  assert.deepEqual(readdirSync(large), [name]);
  const next = archiveIn(other);
  await next.tidy();
  await compressed(other);
  await next.close();
  assert.deepEqual(readdirSync(other), [`${name}.gz`]);
});

test('Archive.tidy(): what cannot be removed or looked at keeps nothing else from being removed and compressed', async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, '20261101T000000.000Z-0001.raw', 'not empty'), { recursive: true });
  const link = '20261102T000000.000Z-0003.raw';
  symlinkSync(link, join(directory, link));
  for (const [name, seconds] of [
    ['20261101T000000.000Z-0002.raw', 50],
    ['20261103T000000.000Z-0004.raw', 10],
    ['20261104T000000.000Z-0005.raw', 50],
  ] as const) {
    writeFileSync(join(directory, name), 'a line\n');
    utimesSync(join(directory, name), seconds, seconds);
  }
  const spec = { ...SPEC, maxFiles: 3, maxAgeMs: 40_000 };
  const archive = new Archive({ directory, wallMs: () => 60_000, settled: () => Promise.resolve() }, spec);
  await archive.tidy();
  assert.deepEqual(readdirSync(directory).toSorted(), [
    '20261101T000000.000Z-0001.raw',
    link,
    '20261104T000000.000Z-0005.raw',
  ]);
  archive.update({ ...spec, compress: true });
  await archive.tidy();
  const packed = join(directory, '20261104T000000.000Z-0005.raw.gz');
  while (!existsSync(packed)) await access(directory);
  await archive.close();
  assert.equal(statSync(packed).mtimeMs, 50_000, 'the age of its last line, by which it goes');
});
