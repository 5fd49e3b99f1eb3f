import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { release } from 'node:os';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openAtHand } from '../../../src/os/libc/file.ts';
import { readUnitDirectory, readUnitFile } from '../../../src/os/unit-files.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { cleanUp } from '../../support/cleanup.ts';
import { OPENS_AT_HAND } from '../../support/kernel.ts';

const asRoot = { skip: process.geteuid?.() === 0 ? false : 'needs root' };

function directoryWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory(t);
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(directory, name), content, { mode: 0o644 });
  return directory;
}

const shown = ({ code, message }: { code: string; message: string }): string => `${code}: ${message}`;

test('readUnitDirectory() reads files and symbolic links in the order of their names, not directories', async (t) => {
  const directory = directoryWith(t, { 'b.yaml': 'b', 'a.yaml': 'a' });
  mkdirSync(join(directory, 'c.yaml'));
  mkdirSync(join(directory, 'closed.yaml'), { mode: 0o000 });
  symlinkSync('a.yaml', join(directory, 'd.yaml'));
  const { files, problems } = await readUnitDirectory(directory, { insecure: false });
  assert.deepEqual(problems, []);
  assert.deepEqual(
    files.map(({ name, file, bytes }) => [name, file, bytes.toString()]),
    [
      ['a.yaml', join(directory, 'a.yaml'), 'a'],
      ['b.yaml', join(directory, 'b.yaml'), 'b'],
      ['d.yaml', join(directory, 'd.yaml'), 'a'],
    ],
  );
});

test('readUnitDirectory() opens only what is accepted', async (t) => {
  const directory = directoryWith(t, { 'a.yaml': 'a', 'a.yaml~': 'backup' });
  chmodSync(join(directory, 'a.yaml~'), 0o666);
  const accepts = (name: string): boolean => name.endsWith('.yaml');
  const { files, problems } = await readUnitDirectory(directory, { insecure: false, accepts });
  assert.deepEqual([files.map(({ name }) => name), problems], [['a.yaml'], []]);
});

test('readUnitDirectory() names dangling links, pipes, links to directories and a directory that is not there', async (t) => {
  const directory = directoryWith(t, {});
  symlinkSync('gone', join(directory, 'a.yaml'));
  execFileSync('mkfifo', [join(directory, 'b.yaml')]);
  symlinkSync('.', join(directory, 'c.yaml'));
  const { files, problems } = await readUnitDirectory(directory, { insecure: true });
  assert.deepEqual(files, []);
  assert.deepEqual(problems.map(shown), [
    `file-unreadable: cannot read unit file "${directory}/a.yaml": it is a dangling symbolic link, expected a file`,
    `file-type: cannot read unit file "${directory}/b.yaml": it is no regular file, expected a regular file`,
    `file-type: cannot read unit file "${directory}/c.yaml": it is no regular file, expected a regular file`,
  ]);
  const none = await readUnitDirectory(join(directory, 'none'), { insecure: true });
  assert.deepEqual(none.problems.map(shown), [
    `directory-unreadable: cannot read unit directory "${directory}/none": it does not exist, expected a directory`,
  ]);
});

test(
  'readUnitDirectory() as root refuses files that others may write, and says which bit',
  asRoot,
  async (t) => {
    const directory = directoryWith(t, { 'a.yaml': '', 'b.yaml': '', 'c.yaml': '', 'd.yaml': 'fine' });
    chmodSync(join(directory, 'a.yaml'), 0o664);
    chmodSync(join(directory, 'b.yaml'), 0o606);
    chownSync(join(directory, 'c.yaml'), 12, 0);
    const { files, problems } = await readUnitDirectory(directory, { insecure: false });
    assert.deepEqual(
      files.map(({ name }) => name),
      ['d.yaml'],
    );
    const rule = 'expected write permission for the owner alone';
    assert.deepEqual(problems.map(shown), [
      `file-mode: cannot read unit file "${directory}/a.yaml": mode is 0664 (group-writable), ${rule}`,
      `file-mode: cannot read unit file "${directory}/b.yaml": mode is 0606 (world-writable), ${rule}`,
      `file-owner: cannot read unit file "${directory}/c.yaml": it belongs to uid 12, expected uid 0, the user of the daemon`,
    ]);
    const insecure = await readUnitDirectory(directory, { insecure: true });
    assert.equal(insecure.files.length, 4);
  },
);

test('readUnitDirectory() as root refuses a directory that others may write', asRoot, async (t) => {
  const directory = directoryWith(t, { 'a.yaml': '' });
  chmodSync(directory, 0o775);
  const { files, problems } = await readUnitDirectory(directory, { insecure: false });
  assert.deepEqual(files, []);
  assert.match(
    problems.map(shown).join(),
    /^file-mode: cannot read unit directory .*: mode is 0775 \(group-writable\)/,
  );
  assert.equal((await readUnitDirectory(directory, { insecure: true })).files.length, 1);
});

test(
  'readUnitDirectory() as root refuses a link that leads through a directory where others may put another file',
  asRoot,
  async (t) => {
    const directory = directoryWith(t, {});
    const elsewhere = directoryWith(t, {});
    const end = directoryWith(t, { 'c.yaml': 'c' });
    // It ends where only root may write, whoever has it lead there.
    symlinkSync(join('..', basename(end), 'c.yaml'), join(elsewhere, 'b.yaml'));
    symlinkSync(join(elsewhere, './b.yaml'), join(directory, 'a.yaml'));
    for (const [uid, mode, complaint] of [
      [0, 0o755, null],
      [0, 0o1777, null],
      [0, 0o775, 'mode is 0775 (group-writable), expected write permission for the owner alone'],
      [12, 0o755, 'it belongs to uid 12, expected uid 0, the user of the daemon'],
    ] as const) {
      chownSync(elsewhere, uid, 0);
      chmodSync(elsewhere, mode);
      const { files, problems } = await readUnitDirectory(directory, { insecure: false });
      assert.equal(files.length, complaint === null ? 1 : 0);
      const what = `cannot read directory "${elsewhere}" of unit file "${directory}/a.yaml": ${complaint}`;
      assert.deepEqual(
        problems.map(({ message }) => message),
        complaint === null ? [] : [what],
      );
      assert.equal((await readUnitDirectory(directory, { insecure: true })).files.length, 1);
    }
  },
);

test(
  'readUnitDirectory() as root refuses a directory that is a link through one where others may put another',
  asRoot,
  async (t) => {
    const releases = directoryWith(t, {});
    mkdirSync(join(releases, '1'), { mode: 0o755 });
    const link = join(directoryWith(t, {}), 'units.d');
    symlinkSync(join(releases, '1'), link);
    assert.deepEqual((await readUnitDirectory(link, { insecure: false })).problems, []);
    chownSync(releases, 12, 0);
    assert.deepEqual(
      (await readUnitDirectory(link, { insecure: false })).problems.map(({ file, message }) => [
        file,
        message,
      ]),
      [
        [
          link,
          `cannot read directory "${releases}" of unit directory "${link}": it belongs to uid 12, expected uid 0, the user of the daemon`,
        ],
      ],
    );
    assert.deepEqual((await readUnitDirectory(link, { insecure: true })).problems, []);
  },
);

test(
  'openAtHand() opens what its directory names itself, and waits for nothing',
  { skip: OPENS_AT_HAND ? false : `Linux ${release()} has no RESOLVE_CACHED (5.12)` },
  (t) => {
    const directory = directoryWith(t, { 'a.yaml': 'a' });
    symlinkSync('a.yaml', join(directory, 'b.yaml'));
    execFileSync('mkfifo', [join(directory, 'c.yaml')]);
    const fds = [openSync(directory, 'r')];
    cleanUp(t, () => fds.forEach((fd) => closeSync(fd)));
    const opened = (name: string): number | null => {
      const fd = openAtHand(fds[0] ?? -1, name);
      if (fd !== null) fds.push(fd);
      return fd;
    };
    const fd = opened('a.yaml');
    assert(fd !== null);
    assert.equal(readFileSync(fd, 'utf8'), 'a');
    assert.match(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /^flags:\s*02\d{6}$/m, 'close-on-exec');
    assert.notEqual(opened('c.yaml'), null, 'a FIFO that nobody writes to');
    for (const name of ['b.yaml', 'gone.yaml']) assert.equal(opened(name), null, name);
    assert.equal(openAtHand(-1, 'a.yaml'), null);
  },
);

test('readUnitDirectory() reads what is at hand and what is not as the same bytes', async (t) => {
  const sizes = [0, 1, 64 * 1024, 64 * 1024 + 1];
  const texts = sizes.map((size) => 'x'.repeat(size));
  const directory = directoryWith(t, Object.fromEntries(texts.map((text, at) => [`${at}.yaml`, text])));
  const { files } = await readUnitDirectory(directory, { insecure: false });
  assert.deepEqual(
    files.map(({ bytes }) => bytes.toString()),
    texts,
  );
});

test('readUnitDirectory() reads a directory again in which a file was being replaced', async (t) => {
  const directory = directoryWith(t, { 'a.yaml': 'a' });
  const accepts = (): boolean => {
    // By now it is known which files there are, and this one, as git has it, was not.
    writeFileSync(join(directory, 'b.yaml'), 'b', { mode: 0o644 });
    return true;
  };
  const { files } = await readUnitDirectory(directory, { insecure: false, accepts });
  assert.deepEqual(
    files.map(({ name }) => name),
    ['a.yaml', 'b.yaml'],
  );
});

test('readUnitDirectory() reads one set where a link leads to another by and by', async (t) => {
  const sets = ['first', 'second'].map((text) => directoryWith(t, { 'a.yaml': text, 'b.yaml': text }));
  const link = join(directoryWith(t, {}), 'units.d');
  const leadTo = (set: string): void => {
    symlinkSync(set, `${link}.new`);
    renameSync(`${link}.new`, link);
  };
  leadTo(sets[0] ?? '');
  const accepts = (name: string): boolean => {
    if (name === 'b.yaml') leadTo(sets[1] ?? '');
    return true;
  };
  const { files } = await readUnitDirectory(link, { insecure: false, accepts });
  assert.deepEqual(
    files.map(({ bytes }) => bytes.toString()),
    ['second', 'second'],
  );
});

test('readUnitDirectory() names a file whose name is not UTF-8', async (t) => {
  const directory = directoryWith(t, { 'a.yaml': 'a' });
  writeFileSync(
    Buffer.concat([Buffer.from(`${directory}/b`), Buffer.from([0xff]), Buffer.from('.yaml')]),
    'b',
  );
  const { files, problems } = await readUnitDirectory(directory, { insecure: false });
  assert.deepEqual(
    files.map(({ name }) => name),
    ['a.yaml'],
  );
  assert.deepEqual(problems.map(shown), [
    `file-unreadable: cannot read unit file "${directory}/b\ufffd.yaml": its name is not UTF-8, expected a name of letters, digits, . _ and -`,
  ]);
});

test('readUnitFile() reads at most one byte more than a MiB', async (t) => {
  const directory = directoryWith(t, { 'a.yaml': 'x'.repeat(3 << 20), 'b.yaml': 'whole' });
  const [big] = (await readUnitFile(join(directory, 'a.yaml'), { insecure: false })).files;
  assert.equal(big?.bytes.length, (1 << 20) + 1);
  const [small] = (await readUnitFile(join(directory, 'b.yaml'), { insecure: false })).files;
  assert.equal(small?.bytes.toString(), 'whole');
});

test('readUnitFile() names a file that is not there', async () => {
  const { problems } = await readUnitFile('/nonexistent/a.yaml', { insecure: true });
  assert.deepEqual(problems.map(shown), [
    'file-unreadable: cannot read unit file "/nonexistent/a.yaml": it does not exist, expected a readable file',
  ]);
});
