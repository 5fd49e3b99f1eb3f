import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { firstLineOf } from '../../../src/logs/inspect.ts';
import { temporaryDirectory } from '../../fixtures/log-setup.ts';

const rows: readonly (readonly [what: string, line: string, atMs: number | null])[] = [
  ['a cri line', '2026-11-22T18:51:51.123456789Z stdout F x\n', Date.parse('2026-11-22T18:51:51.123Z')],
  ['a raw line', 'x\n', null],
  ['a cri line with an impossible time', '2026-99-99T99:99:99.000000000Z stdout F x\n', null],
  [
    'a json line with an impossible time',
    '{"time":"2026-99-99T99:99:99.000000000Z","stream":"stdout","text":"x"}\n',
    null,
  ],
];
for (const [what, line, atMs] of rows) {
  test(`firstLineOf: ${what} is as old as ${atMs === null ? 'its file' : 'it says'}`, async (t) => {
    const path = join(temporaryDirectory(t), 'current');
    writeFileSync(path, line);
    const { birthtimeMs, mtimeMs } = statSync(path);
    const createdMs = birthtimeMs > 0 ? birthtimeMs : mtimeMs;
    assert.equal((await firstLineOf(path))?.atMs, atMs ?? createdMs);
  });
}

test('firstLineOf: what is no regular file is said to be none, also where it has no size', async (t) => {
  const directory = temporaryDirectory(t);
  const [pipe, folder] = [join(directory, 'pipe'), join(directory, 'folder')];
  execFileSync('mkfifo', [pipe]);
  mkdirSync(folder);
  for (const path of [pipe, folder]) {
    await assert.rejects(firstLineOf(path), { message: `"${path}" is not a regular file` });
  }
});
