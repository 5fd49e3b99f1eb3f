import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Entries } from '../../../src/logs/entries.ts';

const line = (second: number, stream: string, flag: string, text: string): string =>
  `2026-11-22T18:51:0${second}.000000000Z ${stream} ${flag} ${text}\n`;

const texts = (entries: readonly { readonly text: string }[]): readonly string[] =>
  entries.map(({ text }) => text);

test('Entries: a line is whole however the blocks are cut, and its pieces are one entry with the time of the first', () => {
  const entries = new Entries(null, null);
  const bytes = [
    line(1, 'stdout', 'P', 'out '),
    line(2, 'stderr', 'P', 'err '),
    line(3, 'stdout', 'F', 'ended'),
    line(4, 'stderr', 'F', 'ended'),
  ].join('');
  const found = bytes.split('').flatMap((byte) => entries.in(Buffer.from(byte), 'cri'));
  assert.deepEqual(found, [
    { time: '2026-11-22T18:51:01.000000000Z', stream: 'stdout', text: 'out ended' },
    { time: '2026-11-22T18:51:02.000000000Z', stream: 'stderr', text: 'err ended' },
  ]);
  assert.deepEqual(entries.rest(), []);
});

test('Entries: what has not ended is given when its file has, and pieces when nothing more comes', () => {
  const entries = new Entries(null, null);
  assert.deepEqual(texts(entries.in(Buffer.from('one\ntw'), 'raw')), ['one']);
  assert.deepEqual(texts(entries.endOfFile('raw')), ['tw']);
  assert.deepEqual(texts(entries.endOfFile('raw')), []);
  entries.in(Buffer.from('lost'), 'raw');
  entries.forgetLine();
  assert.deepEqual(texts(entries.endOfFile('raw')), []);
  entries.in(Buffer.from(line(1, 'stdout', 'P', 'piece')), 'cri');
  assert.deepEqual(texts(entries.rest()), ['piece']);
  assert.deepEqual(texts(entries.rest()), []);
});

test('Entries: those of one stream, and since a time; raw lines, which keep neither, are of any', () => {
  const entries = new Entries('stderr', '2026-11-22T18:51:02');
  const block = [
    line(1, 'stderr', 'F', 'too old'),
    line(2, 'stdout', 'F', 'other'),
    line(2, 'stderr', 'F', 'wanted'),
  ].join('');
  assert.deepEqual(texts(entries.in(Buffer.from(`${block}torn\n`), 'cri')), ['wanted', 'torn']);
  entries.in(Buffer.from(line(1, 'stderr', 'P', 'too old')), 'cri');
  assert.deepEqual(texts(entries.rest()), []);
  entries.wantAnyTime();
  assert.deepEqual(texts(entries.in(Buffer.from(block), 'cri')), ['too old', 'wanted']);
});
