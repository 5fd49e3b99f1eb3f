// A client's wish that the version on disk take over: what it is answered, and what becomes of this daemon.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../../src/daemon/control.ts';
import { Ending } from '../../src/daemon/ending.ts';
import { reexecutor } from '../../src/daemon/reexec.ts';
import type { Trial } from '../../src/daemon/trial.ts';
import type { ReexecDocument } from '../../src/wire/v1.ts';

interface Scene {
  readonly ending: Ending;
  readonly logged: string[];
  readonly ask: () => Promise<Answer<ReexecDocument>>;
  /** Ends the trial that is under way. */
  tried(trial: Trial): void;
  obstacle: string | null;
}

function createScene(): Scene {
  const ending = new Ending();
  const logged: string[] = [];
  let done = (_trial: Trial): void => assert.fail('nothing is tried');
  const scene: Scene = {
    ending,
    logged,
    tried: (trial) => done(trial),
    obstacle: null,
    ask: reexecutor({
      version: '1',
      ending,
      log: {
        write: (level, event, message) => logged.push(`${level} ${event}: ${message}`),
        close: assert.fail,
      },
      trial: async () => await new Promise((resolve) => (done = resolve)),
      cannotLeave: () => scene.obstacle,
    }),
  };
  return scene;
}

const CAN: Trial = { ok: true, version: '2' };

function refusal(answer: Answer<unknown>): string {
  assert.ok(!answer.ok);
  assert.equal(answer.error.status, 409);
  return answer.error.detail;
}

const refused = (reason: string): string =>
  `cannot replace daemon by the version on disk: ${reason}; version 1 goes on`;

test('reexecutor: a version that can is to replace this one', async () => {
  const { ask, tried, ending } = createScene();
  const answer = ask();
  tried(CAN);
  assert.deepEqual(await answer, {
    ok: true,
    value: {
      apiVersion: 'unitd/v1',
      verb: 'reexec',
      pid: process.pid,
      oldVersion: '1',
      newVersion: '2',
    },
  });
  assert.deepEqual(ending.first, { kind: 'replace', version: '2' });
});

test('reexecutor: while one is tried another wish is refused, and afterwards taken', async () => {
  const { ask, tried, logged, ending } = createScene();
  const first = ask();
  assert.equal(refusal(await ask()), refused('it is being tried already'));
  tried({ ok: false, reason: 'it has a cold' });
  assert.equal(refusal(await first), refused('it has a cold'));
  assert.deepEqual(
    logged,
    ['it is being tried already', 'it has a cold'].map((reason) => `error reexec: ${refused(reason)}`),
  );
  assert.equal(ending.first, null);
  const second = ask();
  tried(CAN);
  assert.ok((await second).ok);
});

test('reexecutor: nobody takes over from a journal with a gap, nor from a daemon that is ending', async () => {
  const scene = createScene();
  scene.obstacle = 'the disk is full';
  const full = scene.ask();
  scene.tried(CAN);
  assert.equal(refusal(await full), refused('the disk is full'));
  scene.obstacle = null;
  const late = scene.ask();
  scene.ending.end(0);
  scene.tried(CAN);
  assert.equal(refusal(await late), refused('the daemon is ending'));
  assert.deepEqual(scene.ending.first, { kind: 'end', code: 0 });
});
