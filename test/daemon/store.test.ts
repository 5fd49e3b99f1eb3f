// Store: what was saved is read again, what is damaged is set aside, and a disk that refuses is told, not fatal.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Intent } from '../../src/core/fleet.ts';
import { Store } from '../../src/daemon/store.ts';
import { cleanUp } from '../support/cleanup.ts';

interface Scratch {
  readonly path: string;
  readonly troubles: string[];
  readonly store: Store;
  /** As the next daemon would see it. */
  reread(): ReturnType<Store['read']>;
}

function scratch(t: TestContext): Scratch {
  const path = mkdtempSync(join(tmpdir(), 'unitd-state-'));
  cleanUp(t, () => rmSync(path, { recursive: true, force: true }));
  const troubles: string[] = [];
  const open = (): Store => new Store(path, (message) => troubles.push(message));
  return { path, troubles, store: open(), reread: () => open().read() };
}

const HELD: ReadonlyMap<string, Intent> = new Map([
  ['web', { wanted: 'down', seq: 3 }],
  ['api', { wanted: 'up', seq: 4 }],
]);
const FILES = [{ name: 'web', file: '/units/web.yaml', text: 'command: /bin/web # ü\n' }];

test('Store: gives back what was saved', async (t) => {
  const { store, reread, path } = scratch(t);
  store.saveIntents(HELD);
  store.saveLastGood(FILES);
  await store.written();
  assert.deepEqual(reread(), { intents: HELD, lastGood: FILES, warnings: [] });
  assert.deepEqual(readdirSync(path).sort(), ['intents.json', 'last-good.json']);
  for (const name of readdirSync(path)) assert.equal(statSync(join(path, name)).mode & 0o777, 0o600);
});

test('Store: a set of megabytes comes back whole, however it was cut for the disk', async (t) => {
  const { store, reread } = scratch(t);
  const text = `command: /bin/web # ${'ü→𝄞 '.repeat(40)}\n`;
  const files = Array.from({ length: 5000 }, (_, at) => ({
    name: `w${at}`,
    file: `/units/w${at}.yaml`,
    text,
  }));
  store.saveLastGood(files);
  await store.written();
  assert.deepEqual(reread().lastGood, files);
});

test('Store: nothing saved yet is no word, no file and no warning', (t) => {
  assert.deepEqual(scratch(t).reread(), { intents: new Map(), lastGood: [], warnings: [] });
});

test('Store: of many saves the last wins, whatever was being written', async (t) => {
  const { store, reread } = scratch(t);
  for (let seq = 1; seq <= 50; seq += 1) {
    store.saveIntents(new Map([['web', { wanted: 'down', seq }]]));
    if (seq % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await store.written();
  assert.deepEqual(reread().intents, new Map([['web', { wanted: 'down', seq: 50 }]]));
});

test('Store: a file is replaced, never written over: what stood there is whole until the new one is', async (t) => {
  const { store, path, reread } = scratch(t);
  store.saveLastGood(FILES);
  await store.written();
  const file = join(path, 'last-good.json');
  const before = statSync(file).ino;
  store.saveLastGood([]);
  // The write has begun and cannot have ended: the old content is what a crash now would leave.
  assert.deepEqual(reread().lastGood, FILES);
  await store.written();
  assert.notEqual(statSync(file).ino, before);
  assert.deepEqual(readdirSync(path), ['last-good.json']);
});

const DAMAGED: Readonly<Record<string, string>> = {
  'cut short': '{"version":1,"units":{"web":{"wanted":"do',
  empty: '',
  'of another shape': '[]',
  'with a wish that is none': '{"version":1,"units":{"web":{"wanted":"sideways","seq":1}}}',
  'with a place that is no number': '{"version":1,"units":{"web":{"wanted":"up","seq":"1"}}}',
};
for (const [what, text] of Object.entries(DAMAGED)) {
  test(`Store: an intents file ${what} is set aside with a warning, the other file is read`, async (t) => {
    const { path, store, reread } = scratch(t);
    store.saveLastGood(FILES);
    await store.written();
    const file = join(path, 'intents.json');
    writeFileSync(file, text);
    const read = reread();
    assert.deepEqual(read.intents, new Map());
    assert.deepEqual(read.lastGood, FILES);
    assert.equal(read.warnings.length, 1);
    assert.ok(read.warnings[0]?.includes(file), read.warnings[0]);
    assert.equal(existsSync(file), false);
    assert.equal(readFileSync(`${file}.corrupt`, 'utf8'), text);
    assert.deepEqual(reread().warnings, []);
  });
}

test('Store: a file of another version is set aside under that, for the daemon that wrote it', (t) => {
  const { path, reread } = scratch(t);
  const file = join(path, 'intents.json');
  const text = '{"version":7,"units":{}}';
  writeFileSync(file, text);
  assert.deepEqual(reread().warnings, [
    `cannot read state file "${file}": it is of version 7, expected 1, set aside as "${file}.version-7"`,
  ]);
  assert.equal(readFileSync(`${file}.version-7`, 'utf8'), text);
});

for (const text of [
  '{"version":1,"files":[{"name":"web"}]}',
  '{"version":1,"files":{}}',
  '{"version":1,"files":[null]}',
]) {
  test(`Store: a last good set ${text} is set aside`, (t) => {
    const { path, reread } = scratch(t);
    writeFileSync(join(path, 'last-good.json'), text);
    const read = reread();
    assert.deepEqual([read.lastGood, read.warnings.length], [[], 1]);
    assert.equal(existsSync(join(path, 'last-good.json.corrupt')), true);
  });
}

test('Store: a file that cannot be read is a warning, and stays where it is', (t) => {
  const { path, reread } = scratch(t);
  mkdirSync(join(path, 'intents.json'));
  const read = reread();
  assert.equal(read.warnings.length, 1);
  assert.match(
    read.warnings[0] ?? '',
    /^cannot read state file ".*intents\.json": it is no regular file, going on without it$/,
  );
  assert.equal(existsSync(join(path, 'intents.json')), true);
});

test('Store: nothing is written where nothing can be, and what is there is read', async (t) => {
  const { path, store, troubles } = scratch(t);
  store.saveIntents(HELD);
  await store.written();
  const readOnly = new Store(path, (message) => troubles.push(message), false);
  assert.deepEqual(readOnly.read().intents, HELD);
  readOnly.saveLastGood(FILES);
  await readOnly.written();
  assert.deepEqual([readdirSync(path), troubles], [['intents.json'], []]);
});

test('Store: a write that fails is trouble, leaves no rest, and the next one is tried', async (t) => {
  const { path, store, troubles, reread } = scratch(t);
  mkdirSync(join(path, 'intents.json'));
  store.saveIntents(HELD);
  store.saveLastGood(FILES);
  await store.written();
  assert.equal(troubles.length, 1);
  assert.match(troubles[0] ?? '', /^cannot write state file ".*\/intents\.json": EISDIR: [^"'.]*$/);
  assert.deepEqual(readdirSync(path).sort(), ['intents.json', 'last-good.json']);
  rmSync(join(path, 'intents.json'), { recursive: true });
  store.saveIntents(HELD);
  await store.written();
  assert.deepEqual(reread().intents, HELD);
});

for (const [when, act] of [
  ['with the next save of another file', ({ store }: Scratch): void => store.saveLastGood(FILES)],
  ['after a while', (_: Scratch, t: TestContext): void => t.mock.timers.tick(10_000)],
  ['at the end', ({ store }: Scratch): Promise<void> => store.close()],
] as const) {
  test(`Store: what a disk refused is said once, and written ${when}`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const made = scratch(t);
    const { path, store, troubles, reread } = made;
    mkdirSync(join(path, 'intents.json'));
    store.saveIntents(new Map());
    await store.written();
    store.saveIntents(HELD);
    await store.written();
    assert.equal(troubles.length, 1);
    rmSync(join(path, 'intents.json'), { recursive: true });
    await act(made, t);
    await store.written();
    assert.deepEqual(reread().intents, HELD);
    assert.equal(troubles.length, 1);
  });
}

test('Store: a directory that is gone is trouble for each file', async (t) => {
  const { path, store, troubles } = scratch(t);
  rmSync(path, { recursive: true });
  store.saveIntents(HELD);
  store.saveLastGood(FILES);
  await store.written();
  assert.equal(troubles.length, 2);
  assert.ok(troubles.every((message) => message.includes('ENOENT')));
});

test('Store: close() tries once more what is refused while it waits', async (t) => {
  const { path, reread } = scratch(t);
  rmSync(path, { recursive: true });
  const store = new Store(path, () => mkdirSync(path));
  store.saveIntents(HELD);
  await store.close();
  assert.deepEqual(reread().intents, HELD);
});

test(
  'Store: a directory that may not be written is trouble',
  { skip: process.geteuid?.() === 0 && 'root may write anywhere' },
  async (t) => {
    const { path, store, troubles } = scratch(t);
    chmodSync(path, 0o500);
    cleanUp(t, () => chmodSync(path, 0o700));
    store.saveIntents(HELD);
    await store.written();
    assert.equal(troubles.length, 1);
    assert.match(troubles[0] ?? '', /EACCES/);
  },
);
