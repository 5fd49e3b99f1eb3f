import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { linesBackwards, openSegment } from '../../../src/logs/segment.ts';
import { descriptorsOf, temporaryDirectory } from '../../fixtures/log-setup.ts';

/** A few bytes more than a block that is read at once. */
const LONG = 256 * 1024 + 3;

async function backwards(t: TestContext, text: string): Promise<readonly (readonly [number, string])[]> {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'current'), text);
  const segment = await openSegment(directory, 'current');
  assert.ok(segment !== null);
  const lines: [number, string][] = [];
  try {
    for await (const { start, line } of linesBackwards(segment, text.length))
      lines.push([start, line.toString('latin1')]);
  } finally {
    await segment.handle.close();
  }
  return lines;
}

/** What must come of it, found without blocks. */
function expected(text: string): readonly (readonly [number, string])[] {
  let start = 0;
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return lines
    .map((line): [number, string] => {
      start += line.length;
      return [start - line.length, line];
    })
    .toReversed();
}

const rows: readonly (readonly [title: string, text: string])[] = [
  ['of an empty file', ''],
  ['that are empty', '\n\n\n'],
  ['with and without a newline at the end', 'a\nbc\nd'],
  ['longer than a block', `a\n${'b'.repeat(LONG)}\nc\n`],
  [
    'longer than several blocks, the last without an end',
    `a\n${'b'.repeat(3 * LONG)}\n${'c'.repeat(2 * LONG)}`,
  ],
  ['of which one begins where a block does', `a\n${'b'.repeat(256 * 1024 - 1)}\n`],
  ['of which one ends where a block does', `a\n\n${'b'.repeat(256 * 1024)}`],
  ['of which only the newline is in a block of its own', `${'a'.repeat(5)}\n${'b'.repeat(256 * 1024 - 1)}\n`],
];
for (const [title, text] of rows) {
  test(`linesBackwards finds lines ${title}`, async (t) =>
    assert.deepEqual(await backwards(t, text), expected(text)));
}

test('linesBackwards looks at each byte of a long line once, and copies it once', async (t) => {
  const text = `a\n${'b'.repeat(40 * LONG)}\n`;
  let copied = 0;
  let looked = 0;
  const { concat } = Buffer;
  const lastIndexOf = Buffer.prototype.lastIndexOf;
  t.mock.method(Buffer, 'concat', (parts: readonly Uint8Array[], length?: number) => {
    const whole = concat(parts, length);
    copied += whole.length;
    return whole;
  });
  t.mock.method(Buffer.prototype, 'lastIndexOf', function (this: Buffer, value: number, from: number) {
    looked += from + 1;
    return lastIndexOf.call(this, value, from);
  });
  assert.equal((await backwards(t, text)).length, 2);
  assert.ok(copied <= 2 * text.length, `${copied} bytes copied`);
  assert.ok(looked <= 2 * text.length, `${looked} bytes looked at`);
});

test('openSegment() leaves no descriptor of a file that it cannot look at', async (t) => {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'current');
  writeFileSync(path, 'a line\n');
  const file = await open(path);
  const handles: FileHandle = Object.getPrototypeOf(file);
  await file.close();
  t.mock.method(handles, 'stat', async () => {
    throw Object.assign(new Error('ESTALE: stale file handle, fstat'), { code: 'ESTALE' });
  });
  await assert.rejects(openSegment(directory, 'current'), { code: 'ESTALE' });
  assert.equal(descriptorsOf(path), 0);
});
