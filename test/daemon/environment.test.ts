// environmentOf: who wins, what is added, and how a file that cannot be read is told.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { environmentOf, inheritedEnvironment } from '../../src/daemon/environment.ts';
import type { EnvironmentResult } from '../../src/daemon/environment.ts';
import { lookupUser } from '../../src/os/users.ts';
import { cleanUp } from '../support/cleanup.ts';
import { unitSpec } from '../unit/core/unit-spec.ts';
import type { SpecChange } from '../unit/core/unit-spec.ts';

const INVOCATION = '0123456789abcdef0123456789abcdef';

function environmentFor(
  change: SpecChange,
  inherited: Readonly<Record<string, string>> = {},
  variables: Readonly<Record<string, string>> = {},
): EnvironmentResult {
  return environmentOf({ inherited, spec: unitSpec('web', change), invocationId: INVOCATION, variables });
}

function scratch(t: TestContext): (name: string, text: string | Uint8Array) => string {
  const directory = mkdtempSync(join(tmpdir(), 'unitd-environment-'));
  cleanUp(t, () => rmSync(directory, { recursive: true }));
  return (name, text) => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
}

test('environmentOf: the field wins over what is inherited, later files over earlier ones and the field', (t) => {
  const write = scratch(t);
  const first = write('first.env', 'A=first\nB=first\n# a comment\nC="two words"\n');
  const second = write('second.env', 'A=second\n');
  const made = environmentFor(
    {
      environment: { A: 'field', D: 'field' },
      environmentFiles: [
        { path: first, optional: false },
        { path: second, optional: true },
      ],
    },
    { A: 'inherited', D: 'inherited', E: 'inherited' },
  );
  assert.deepEqual(made, {
    ok: true,
    environment: {
      A: 'second',
      B: 'first',
      C: 'two words',
      D: 'field',
      E: 'inherited',
      UNITD_UNIT: 'web',
      INVOCATION_ID: INVOCATION,
    },
  });
});

test("environmentOf: the unit's name, its invocation and the variables of the step stand above all", (t) => {
  const path = scratch(t)('own.env', 'UNITD_UNIT=file\nMAINPID=file\n');
  const made = environmentFor(
    { environment: { INVOCATION_ID: 'field' }, environmentFiles: [{ path, optional: false }] },
    {},
    { MAINPID: '7' },
  );
  assert.deepEqual(made, {
    ok: true,
    environment: { UNITD_UNIT: 'web', INVOCATION_ID: INVOCATION, MAINPID: '7' },
  });
});

test('environmentOf: user brings HOME, USER, LOGNAME and SHELL of its own, which the field may change', () => {
  const root = lookupUser('root');
  assert.ok(root);
  const made = environmentFor(
    { user: 'root', environment: { SHELL: '/bin/other' } },
    { HOME: '/home/daemon', USER: 'daemon' },
  );
  assert.ok(made.ok);
  const { HOME, USER, LOGNAME, SHELL } = made.environment;
  assert.deepEqual(
    { HOME, USER, LOGNAME, SHELL },
    {
      HOME: root.home,
      USER: 'root',
      LOGNAME: 'root',
      SHELL: '/bin/other',
    },
  );
});

test('environmentOf: a user without an entry gets nothing that says who the daemon is', () => {
  const inherited = { A: 'a', HOME: '/root', USER: 'root', LOGNAME: 'root', SHELL: '/bin/bash' };
  assert.deepEqual(environmentFor({ user: '3999999999' }, inherited), {
    ok: true,
    environment: { A: 'a', HOME: '/', UNITD_UNIT: 'web', INVOCATION_ID: INVOCATION },
  });
});

test('environmentOf: with a umask, what no shell hands on is not inherited, but the unit may ask for it', () => {
  const inherited = { A: 'a', 'BASH_FUNC_which%%': '() { :; }', IFS: ':' };
  const own = { UNITD_UNIT: 'web', INVOCATION_ID: INVOCATION };
  const rows: readonly [SpecChange, Readonly<Record<string, string>>][] = [
    [{}, { ...inherited, ...own }],
    [{ umask: 0o027 }, { A: 'a', ...own }],
    [
      { umask: 0o027, environment: { IFS: ',' } },
      { A: 'a', IFS: ',', ...own },
    ],
  ];
  for (const [change, environment] of rows) {
    assert.deepEqual(environmentFor(change, inherited), { ok: true, environment });
  }
});

test('environmentOf: a file that is missing is named with its errno, and passed over when it is optional', (t) => {
  const path = `${scratch(t)('there', '')}-not`;
  assert.deepEqual(environmentFor({ environmentFiles: [{ path, optional: false }] }), {
    ok: false,
    failure: {
      stage: 'command',
      errno: 'ENOENT',
      reason: `environment file "${path}" cannot be read: ENOENT`,
    },
  });
  assert.equal(environmentFor({ environmentFiles: [{ path, optional: true }] }).ok, true);
});

test('environmentOf: what is wrong in a file is named with its line', (t) => {
  const path = scratch(t)('wrong.env', 'A=1\nB="2\n');
  assert.deepEqual(environmentFor({ environmentFiles: [{ path, optional: true }] }), {
    ok: false,
    failure: {
      stage: 'command',
      errno: null,
      reason: `environment file "${path}:2" cannot be read: a quote is not closed`,
    },
  });
});

test('environmentOf: a file that is not UTF-8 is refused with its line, not read as something else', (t) => {
  const path = scratch(t)('latin1.env', Buffer.from('A=a\nB=ü\n', 'latin1'));
  assert.deepEqual(environmentFor({ environmentFiles: [{ path, optional: false }] }), {
    ok: false,
    failure: {
      stage: 'command',
      errno: null,
      reason: `environment file "${path}" cannot be read: line 2 is not UTF-8`,
    },
  });
});

test('environmentOf: optional excuses a missing file only, not a directory', (t) => {
  const path = join(scratch(t)('there', ''), '..');
  const made = environmentFor({ environmentFiles: [{ path, optional: true }] });
  assert.equal(made.ok, false);
});

test('environmentOf: a file of more than a MiB is refused, and no more than that is read', (t) => {
  const path = scratch(t)('.env', `A=1\n#${' '.repeat(1024 * 1024 - 5)}`);
  const optional = false;
  assert.equal(environmentFor({ environmentFiles: [{ path, optional }] }).ok, true);
  // So large that it could not be read as a whole.
  truncateSync(path, 2 ** 40);
  const reason = `environment file "${path}" cannot be read: it is too large, expected at most 1048576 bytes`;
  assert.deepEqual(environmentFor({ environmentFiles: [{ path, optional }] }), {
    ok: false,
    failure: { stage: 'command', errno: null, reason },
  });
});

test('environmentOf: a file of /proc, which does not tell its size, is read', () => {
  const made = environmentFor({ environmentFiles: [{ path: '/proc/self/limits', optional: false }] });
  assert.equal(made.ok, true);
});

test('environmentOf: a named pipe is refused instead of waited for', (t) => {
  const path = `${scratch(t)('there', '')}.pipe`;
  execFileSync('mkfifo', [path]);
  assert.deepEqual(environmentFor({ environmentFiles: [{ path, optional: false }] }), {
    ok: false,
    failure: {
      stage: 'command',
      errno: null,
      reason: `environment file "${path}" cannot be read: it is no regular file`,
    },
  });
});

test('inheritedEnvironment: leaves out what speaks of the daemon alone, or of a unit that started it', () => {
  assert.deepEqual(
    inheritedEnvironment({
      PATH: '/bin',
      NOTIFY_SOCKET: '/run/x',
      LISTEN_FDS: '1',
      FDSTORE: '8',
      JOURNAL_STREAM: '8:13026',
      MANAGERPID: '553',
      MEMORY_PRESSURE_WATCH: '/sys/fs/cgroup/system.slice/unitd.service/memory.pressure',
      MEMORY_PRESSURE_WRITE: 'c29tZSAyMDAwMDAgMjAwMDAwMAA=',
      SYSTEMD_EXEC_PID: '450',
      PIDUSAGE_SILENT: '1',
      MAINPID: '7',
      SERVICE_RESULT: 'success',
      EXIT_CODE: 'exited',
      EXIT_STATUS: '0',
      UNSET: undefined,
    }),
    { PATH: '/bin' },
  );
});
