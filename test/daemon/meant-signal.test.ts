import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meantSignal } from '../../src/daemon/meant-signal.ts';

for (const [text, name] of [
  ['HUP', 'SIGHUP'],
  ['SIGHUP', 'SIGHUP'],
  ['hup', 'SIGHUP'],
  ['sigusr1', 'SIGUSR1'],
  ['1', 'SIGHUP'],
  ['9', 'SIGKILL'],
  ['15', 'SIGTERM'],
  ['RTMIN+3', 'SIGRTMIN+3'],
  ['0', null],
  ['99', null],
  ['009', null],
  ['-9', null],
  ['HUPP', null],
  ['', null],
] as const) {
  test(`meantSignal() takes "${text}" for ${name ?? 'no signal'}`, () =>
    assert.equal(meantSignal(text), name));
}
