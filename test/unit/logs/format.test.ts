import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Batch } from '../../../src/logs/batch.ts';
import {
  encodeChunk,
  encodeRest,
  endsWholeLine,
  newStreamState,
  payloadOf,
} from '../../../src/logs/format.ts';
import { BEGINNING } from '../../../src/logs/positions.ts';
import { parsedLine } from '../../../src/logs/parse.ts';
import { Stamper } from '../../../src/logs/stamp.ts';
import type { LogFormat } from '../../../src/model/unit.ts';

const STAMP = '2026-11-22T18:51:51.123456789Z';

function encoded(format: LogFormat, chunks: readonly (string | Buffer)[]): { text: string; batch: Batch } {
  const batch = new Batch(format, BEGINNING);
  const state = newStreamState('stdout');
  for (const chunk of chunks) encodeChunk(state, Buffer.from(chunk), STAMP, batch);
  encodeRest(state, true, STAMP, batch);
  return { text: batch.bytes.toString('latin1'), batch };
}

const rows: readonly (readonly [
  title: string,
  format: LogFormat,
  chunks: (string | Buffer)[],
  expected: string,
])[] = [
  ['cri: a line is time, stream, F, text', 'cri', ['hello\n'], `${STAMP} stdout F hello\n`],
  [
    'cri: a line cut by the end of its writer is whole',
    'cri',
    ['a\nb'],
    `${STAMP} stdout F a\n${STAMP} stdout F b\n`,
  ],
  ['cri: an empty line', 'cri', ['\n'], `${STAMP} stdout F \n`],
  [
    'cri: bytes that are no text',
    'cri',
    [Buffer.from([0, 0xff, 0xc3, 10])],
    `${STAMP} stdout F \0\xff\xc3\n`,
  ],
  ['json: a line is an object', 'json', ['hi\n'], `{"time":"${STAMP}","stream":"stdout","text":"hi"}\n`],
  [
    'json: what JSON needs escaped',
    'json',
    ['"\\\t\n'],
    `{"time":"${STAMP}","stream":"stdout","text":"\\"\\\\\\t"}\n`,
  ],
  [
    'json: what is not UTF-8 is base64 and says so',
    'json',
    [Buffer.from([0xff, 0xfe, 10])],
    `{"time":"${STAMP}","stream":"stdout","text":"//4=","encoding":"base64"}\n`,
  ],
  ['raw: nothing is added, not even a last newline', 'raw', ['a\nb', 'c\r\nd'], 'a\nbc\r\nd'],
];
for (const [title, format, chunks, expected] of rows) {
  test(`encodeChunk ${title}`, () => assert.equal(encoded(format, chunks).text, expected));
}

for (const format of ['cri', 'json'] as const) {
  test(`encodeChunk ${format}: a line over 16 KiB is flagged pieces that make it up again`, () => {
    const line = Buffer.alloc(40_000, 'ä');
    const { batch } = encoded(format, [line.subarray(0, 20_001), line.subarray(20_001), '\n']);
    const lines = batch.bytes.toString('latin1').split('\n').slice(0, -1);
    const pieces = lines.map((text) => parsedLine(format, Buffer.from(text, 'latin1')));
    assert.deepEqual(
      pieces.map(({ text, last }) => [text.length, last]),
      [
        [16_384, false],
        [16_384, false],
        [7_232, true],
      ],
    );
    assert.deepEqual(Buffer.concat(pieces.map(({ text }) => text)), line);
    assert.equal(batch.lines, 1);
    assert.equal(batch.payloadBytes, 40_001);
    const ends = lines.map((_, index) => lines.slice(0, index + 1).join('\n').length);
    assert.deepEqual(
      ends.map((at) => endsWholeLine(format, batch.bytes, at)),
      [false, false, true],
    );
  });
}

for (const format of ['cri', 'json', 'raw'] as const) {
  test(`payloadOf ${format}: counts in formatted lines what went into them`, () => {
    const { batch } = encoded(format, [
      'one\n\ntwo "2"\n',
      Buffer.from([0xff, 10]),
      Buffer.alloc(20_000, 'x'),
      '\n',
    ]);
    assert.deepEqual(payloadOf(format, batch.bytes), { lines: 5, bytes: 4 + 1 + 8 + 2 + 20_001 });
  });
}

test('encodeChunk raw: a line that has not ended is held back up to 16 KiB and then let go', () => {
  const batch = new Batch('raw', BEGINNING);
  const state = newStreamState('stdout');
  encodeChunk(state, Buffer.from('a\nbc'), STAMP, batch);
  assert.equal(batch.bytes.toString(), 'a\n');
  encodeChunk(state, Buffer.alloc(16_384, 'c'), STAMP, batch);
  assert.equal(batch.length, 2 + 2 + 16_384);
  assert.equal(state.carry.length, 0);
});

test('Stamper.next: nanoseconds in UTC that never go back for small steps of the clock, and follow large ones', () => {
  const walls = [1000.25, 999, 1000.5, 12_000, 500];
  const stamper = new Stamper({
    wallMs: () => walls.shift() ?? 0,
    monotonicMs: () => 7,
    arm: () => ({ close: () => {} }),
  });
  assert.deepEqual(
    Array.from({ length: 5 }, () => stamper.next()),
    [
      '1970-01-01T00:00:01.000250000Z',
      '1970-01-01T00:00:01.000250000Z',
      '1970-01-01T00:00:01.000500000Z',
      '1970-01-01T00:00:12.000000000Z',
      '1970-01-01T00:00:00.500000000Z',
    ],
  );
});

test('parsedLine: what is not in the format of its file is raw, whole and without a time', () => {
  for (const text of [
    '2026-11-22T18:51',
    '{"time":"2026-11-22T18:51:51.123456789Z","stream":"std',
    'plain',
  ]) {
    const line = Buffer.from(text);
    assert.deepEqual(parsedLine('cri', line), { time: null, stream: null, last: true, text: line });
  }
});
