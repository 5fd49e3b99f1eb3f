import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpoolContents } from '../../../src/logs/spool-contents.ts';
import { BYTES_AT } from '../../../src/logs/spool-file.ts';
import type { SpoolState } from '../../../src/logs/spool-record.ts';
import type { Positions } from '../../../src/logs/positions.ts';

const NOTHING = Buffer.alloc(0);

/** Contents, and the bytes of the file that they tell of. */
class Scene {
  readonly contents = new SpoolContents();
  #bytes = '';

  add(stream: 0 | 1, text: string): void {
    if (!this.contents.isAt(stream)) this.contents.turnTo(stream);
    assert.equal(this.contents.end, BYTES_AT + this.#bytes.length);
    this.#bytes += text;
    this.contents.added(text.length);
  }

  left(done: Positions): readonly (readonly [number, string])[] {
    const read = (into: Buffer, at: number): void => void into.write(this.#bytes.slice(at - BYTES_AT));
    return this.contents.leftBehind(done, read).map(({ stream, bytes }) => [stream, bytes.toString()]);
  }
}

const asRecord = (state: Partial<SpoolState>, kept: readonly [Buffer, Buffer] = [NOTHING, NOTHING]) => ({
  sequence: 1,
  state: {
    boot: '',
    base: [0, 0],
    done: [0, 0],
    ranges: [],
    tail: null,
    append: null,
    runEnds: [],
    ...state,
  } as const,
  kept,
});

test('SpoolContents: what lies behind a position is given in the order in which it came, and pruning changes nothing of that', () => {
  const scene = new Scene();
  scene.contents.startAnew([100, 200]);
  for (const [stream, text] of [
    [0, 'one '],
    [0, 'two '],
    [1, 'oops '],
    [0, 'three '],
    [1, 'again '],
  ] as const)
    scene.add(stream, text);
  assert.deepEqual(scene.contents.taken, [114, 211]);
  const rows: readonly (readonly [Positions, readonly (readonly [number, string])[]])[] = [
    [
      [100, 200],
      [
        [0, 'one two '],
        [1, 'oops '],
        [0, 'three '],
        [1, 'again '],
      ],
    ],
    [
      [104, 205],
      [
        [0, 'two '],
        [0, 'three '],
        [1, 'again '],
      ],
    ],
    [
      [110, 200],
      [
        [1, 'oops '],
        [0, 'ree '],
        [1, 'again '],
      ],
    ],
    [[114, 211], []],
  ];
  for (const [done, wanted] of rows) assert.deepEqual(scene.left(done), wanted);
  for (const [done, wanted] of rows.toSpliced(2, 1)) {
    scene.contents.prune(done);
    assert.deepEqual(scene.left(done), wanted);
    assert.deepEqual(scene.contents.taken, [114, 211]);
  }
  assert.deepEqual(scene.contents.said.ranges, [], 'all is over but the tail');
});

test('SpoolContents: what a record keeps comes before what lies in the file', () => {
  const scene = new Scene();
  scene.contents.startWith(
    [
      { stream: 1, bytes: Buffer.from('prompt: ') },
      { stream: 0, bytes: Buffer.from('cut ') },
      { stream: 0, bytes: Buffer.from('line ') },
    ],
    [10, 20],
  );
  scene.add(1, 'answer');
  assert.deepEqual(scene.contents.kept.map(String), ['cut line ', 'prompt: ']);
  assert.deepEqual(scene.contents.taken, [19, 34]);
  assert.deepEqual(scene.left([14, 20]), [
    [0, 'line '],
    [1, 'prompt: '],
    [1, 'answer'],
  ]);
  scene.contents.prune([19, 20]);
  assert.deepEqual(scene.contents.kept.map(String), ['', 'prompt: ']);
  assert.deepEqual(scene.contents.said.base, [19, 20]);
});

test('SpoolContents: of a file that was cut back since its record, what was to come behind never came', () => {
  const contents = new SpoolContents();
  const kept = [Buffer.from('kept'), NOTHING] as const;
  contents.load(asRecord({ base: [3, 0], tail: { stream: 1, from: BYTES_AT + 10 } }, kept), BYTES_AT);
  assert.deepEqual(contents.taken, [7, 0]);
  assert.equal(contents.isAt(1), false);
  contents.load(asRecord({ base: [3, 0], tail: { stream: 1, from: BYTES_AT + 10 } }, kept), BYTES_AT + 12);
  assert.deepEqual(contents.taken, [7, 2]);
  assert.equal(contents.isAt(1), true);
});

test('SpoolContents: are large by their bytes, or by how often the stream has changed', () => {
  const contents = new SpoolContents();
  contents.turnTo(0);
  contents.added(4 * 1024 * 1024 - 1);
  assert.equal(contents.isLarge, false);
  contents.added(1);
  assert.equal(contents.isLarge, true);
  contents.startAnew([0, 0]);
  for (let change = 0; change <= 64; change += 1) {
    assert.equal(contents.isLarge, false);
    contents.turnTo(change % 2 === 0 ? 0 : 1);
    contents.added(1);
  }
  contents.turnTo(1);
  assert.equal(contents.isLarge, true);
});

test('SpoolContents: of what is not left behind nothing is read', () => {
  const { contents } = new Scene();
  contents.startAnew([0, 0]);
  contents.turnTo(0);
  contents.added(1000);
  contents.turnTo(1);
  contents.added(500);
  const reads: (readonly [number, number])[] = [];
  contents.leftBehind([990, 500], (into, at) => void reads.push([at - BYTES_AT, into.length]));
  assert.deepEqual(reads, [[990, 10]]);
});
