import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knownSignal, signalName, signalNumber } from '../../../src/os/signal-names.ts';

test('signalNumber() knows names, real-time offsets and nothing else', () => {
  assert.equal(signalNumber('SIGTERM'), 15);
  assert.equal(signalNumber('SIGRTMAX'), 64);
  assert.equal(signalNumber('SIGRTMAX-1'), 63);
  const first = signalNumber('SIGRTMIN');
  assert.ok(first !== null);
  assert.equal(signalNumber('SIGRTMIN+3'), first + 3);
  for (const name of ['TERM', 'SIGNONE', 'SIGRTMIN+99', 'SIGRTMIN-1', 'SIGRTMAX-40', 'SIGRTMAX+1', '']) {
    assert.equal(signalNumber(name), null, name);
  }
});

test('signalName() is undone by signalNumber() for every number', () => {
  for (let number = 1; number <= 64; number++) {
    const name = signalName(number);
    if (!/^SIG\d+$/.test(name)) assert.equal(signalNumber(name), number, name);
  }
  assert.equal(signalName(6), 'SIGABRT');
});

test('knownSignal() takes a signal with or without SIG and gives its one name', () => {
  assert.equal(knownSignal('HUP'), 'SIGHUP');
  assert.equal(knownSignal('SIGHUP'), 'SIGHUP');
  assert.equal(knownSignal('IOT'), 'SIGABRT');
  assert.equal(knownSignal('RTMIN'), 'SIGRTMIN+0');
  assert.equal(knownSignal('hup'), null);
  assert.equal(knownSignal('1'), null);
});
