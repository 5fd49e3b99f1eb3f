import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadFailure } from '../../../src/bin/load-failure.ts';

function failed(code: string, message: string, path?: string): Error {
  return Object.assign(new Error(message), { code }, path === undefined ? {} : { path });
}

test('loadFailure() says in a line what keeps code from being loaded, and nothing of other failures', () => {
  const rows: readonly [unknown, RegExp | null][] = [
    [
      new Error('Cannot find the native Koffi module; did you bundle it correctly?'),
      /^cannot load package "koffi": its native part for \w+ \w+ is not installed, expected linux on x64 /,
    ],
    [
      failed('ERR_MODULE_NOT_FOUND', "Cannot find package 'leven' imported from /opt/a.js\nmore"),
      /^cannot load the program's code: Cannot find package 'leven' imported from \/opt\/a\.js, expected a whole /,
    ],
    [
      failed('ERR_DLOPEN_FAILED', 'libc.so.6: no'),
      /^cannot load the program's code: libc\.so\.6: no, expected/,
    ],
    [
      failed('EMFILE', 'EMFILE: too many open files', '/opt/node_modules/leven/index.js'),
      /^cannot load the program's code: EMFILE: too many open files, expected a limit on open files of at least 64$/,
    ],
    [failed('EMFILE', 'EMFILE: too many open files', '/var/log/unitd.log'), null],
    [failed('ENOENT', 'ENOENT: no such file', '/etc/a'), null],
    [new TypeError('x is not a function'), null],
    ['a word', null],
  ];
  for (const [error, expected] of rows) {
    const said = loadFailure(error);
    if (expected === null) assert.equal(said, null, String(error));
    else assert.match(said ?? '', expected);
  }
});
