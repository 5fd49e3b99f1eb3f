// startPre, startPost, stop.command and stopPost that fail or hang, with and without the leading `-`.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

function wordsOf(path: string): readonly string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
}

test('startPre: the first failure fails the start; neither command nor stop.command runs, stopPost does', async (t) => {
  const file = join(temporaryDirectory(t), 'order');
  const note = (code: number, word: string): string => `${child.note} ${code} ${file} ${word}`;
  const unitd = await startUnitd(t, {
    'web.yaml': `
      enabled: false
      startPre: [${note(0, 'pre0')}, ${note(5, 'pre1')}, ${note(0, 'pre2')}]
      command: ${note(0, 'main')}
      stop: { command: ${note(0, 'stop')} }
      stopPost: [${note(0, 'stopPost')}]
      restart: { policy: no }`,
  });
  const started = await unitd.cli('start', 'web');
  assert.equal(started.code, 1);
  assert.match(started.stderr, /startPre\[1\] exited with code 5/);
  assert.deepEqual(wordsOf(file), ['pre0', 'pre1', 'stopPost']);
  const { unit } = await unitd.unit('web');
  assert.deepEqual([unit.state, unit.reason], ['failed', 'startPre[1] exited with code 5']);
  assert.equal(unit.lastExit?.cause, 'start-pre');
});

test('startPost: a failure ends the main process, without stop.command, and fails the unit', async (t) => {
  const file = join(temporaryDirectory(t), 'order');
  const channel = openChannel(t);
  const note = (code: number, word: string): string => `${child.note} ${code} ${file} ${word}`;
  const unitd = await startUnitd(t, {
    'web.yaml': `
      enabled: false
      command: ${child.announce} ${channel.path}
      startPost: [${note(0, 'post0')}, ${note(6, 'post1')}, ${note(0, 'post2')}]
      stop: { command: ${note(0, 'stop')} }
      stopPost: [${note(0, 'stopPost')}]
      restart: { policy: no }`,
  });
  const started = await unitd.cli('start', 'web');
  assert.equal(started.code, 1);
  assert.match(started.stderr, /startPost\[1\] exited with code 6/);
  assert.deepEqual(wordsOf(file), ['post0', 'post1', 'stopPost']);
  const { unit, processes } = await unitd.unit('web');
  assert.deepEqual([unit.state, unit.lastExit?.cause, processes], ['failed', 'start-post', []]);
  assert.deepEqual(unitd.processes(), []);
});

test('a leading - passes over the failure of a command, and over one that cannot be executed', async (t) => {
  const file = join(temporaryDirectory(t), 'order');
  const channel = openChannel(t);
  const note = (code: number, word: string): string => `${child.note} ${code} ${file} ${word}`;
  const unitd = await startUnitd(t, {
    'web.yaml': `
      startPre: ['-${note(1, 'pre0')}', '-/nonexistent/program', ${note(0, 'pre2')}]
      command: ${child.announce} ${channel.path}
      startPost: ['-${note(1, 'post0')}', '-/nonexistent/program', ['-/bin/sh', -c, 'kill -KILL $$$$'], ${note(0, 'post3')}]
      stop: { command: '-${note(1, 'stop')}' }
      stopPost: ['-${note(1, 'stopPost0')}', '-/nonexistent/program', ${note(0, 'stopPost2')}]`,
  });
  await unitd.until({ web: 'running' });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.equal((await unitd.unit('web')).unit.state, 'stopped');
  assert.deepEqual(wordsOf(file), ['pre0', 'pre2', 'post0', 'post3', 'stop', 'stopPost0', 'stopPost2']);
});

test('stop.command and stopPost that fail or cannot be executed do not keep the unit from stopping', async (t) => {
  const file = join(temporaryDirectory(t), 'order');
  const channel = openChannel(t);
  const note = (code: number, word: string): string => `${child.note} ${code} ${file} ${word}`;
  const unitd = await startUnitd(t, {
    'failing.yaml': `
      command: ${child.announce} ${channel.path}
      stop: { command: ${note(1, 'stop')} }
      stopPost: ['-${note(1, 'stopPost0')}', ${note(1, 'stopPost1')}, ${note(0, 'stopPost2')}]`,
    'missing.yaml': `
      command: ${child.announce} ${channel.path}
      stop: { command: /nonexistent/program }
      stopPost: [/nonexistent/program]`,
  });
  await unitd.until({ failing: 'running', missing: 'running' });
  const stopped = await unitd.cli('stop', 'failing', 'missing');
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.deepEqual(
    wordsOf(file),
    ['stop', 'stopPost0', 'stopPost1'],
    'the first failure without - is the last',
  );
  assert.match((await unitd.unit('failing')).unit.reason, /stopPost\[1\] exited with code 1/);
  assert.match(
    (await unitd.unit('missing')).unit.reason,
    /stopPost\[0\] could not be started: "\/nonexistent\/program" does not exist$/,
  );
  assert.deepEqual(unitd.processes(), []);
});

test('startPre and startPost that hang are ended by startTimeout, with the main process', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'pre.yaml': `
      startPre: [${child.doubleFork} ${channel.path}]
      command: ${child.announce} ${channel.path} never
      startTimeout: 500ms
      restart: { policy: no }`,
    'post.yaml': `
      command: ${child.announce} ${channel.path}
      startPost: [sleep infinity]
      startTimeout: 500ms
      restart: { policy: no }`,
  });
  await unitd.until({ pre: 'failed', post: 'failed' });
  for (const [name, command] of [
    ['pre', 'startPre[0]'],
    ['post', 'startPost[0]'],
  ] as const) {
    const { unit } = await unitd.unit(name);
    assert.equal(unit.lastExit?.cause, 'start-timeout');
    assert.equal(unit.reason, `did not start within 500ms: ${command} has not ended`);
  }
  assert.deepEqual(unitd.processes(), []);
  assert.equal(
    channel.said.find(({ word }) => word === 'never'),
    undefined,
  );
});

test('stop.command that hangs is killed at stop.timeout; then the unit is signalled', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${child.answerSignals} ${channel.path} TERM
      # Long enough for the main process to answer TERM on any machine.
      stop: { command: ${child.ignoreTerm} ${channel.path} stop, timeout: 4s }`,
  });
  await channel.next('up');
  await unitd.until({ web: 'running' });
  const events = await unitd.follow();
  const commanded = events((line) => line.type === 'state' && line.reason.endsWith('running stop.command'));
  const signalled = events((line) => line.type === 'state' && line.reason.endsWith('sent SIGTERM'));
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.ok((await commanded).seq < (await signalled).seq);
  await channel.next('TERM');
  assert.equal((await unitd.unit('web')).unit.lastExit?.code, 0);
  assert.deepEqual(unitd.processes(), []);
});

test('stopPost that hangs is killed at stop.timeout, with what it forked; with a leading - the next one runs', async (t) => {
  const file = join(temporaryDirectory(t), 'order');
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${child.announce} ${channel.path}
      # Long enough for the second command on any machine.
      stop: { timeout: 4s }
      stopPost: ['-${child.doubleFork} ${channel.path} deaf', ${child.note} 0 ${file} stopPost1]`,
  });
  await channel.next('up');
  await unitd.until({ web: 'running' });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.deepEqual(wordsOf(file), ['stopPost1']);
  assert.deepEqual(unitd.processes(), []);
});
