// requestFor: a unit, a wish for a process and a tree become what the port is asked with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestFor, type SpawnEffect } from '../../src/daemon/spawn-request.ts';
import type { ProcessTree } from '../../src/model/process.ts';
import { command, unitSpec } from '../unit/core/unit-spec.ts';
import { FAKE_OUTPUT } from './rig.ts';

const SOURCES = { inherited: { PATH: '/bin' }, outputFor: () => FAKE_OUTPUT };
const TREE: ProcessTree = { invocationId: 'one', leaders: [] };

function wish(words: string, variables: SpawnEffect['variables'] = {}): SpawnEffect {
  return { type: 'spawn', run: 7, role: 'main', command: command(words), variables };
}

test('requestFor: what the unit says, with the run and the activation in its environment', () => {
  const web = unitSpec('web', {
    workingDirectory: '/srv',
    umask: 0o27,
    limits: { nofile: { soft: 10, hard: 20 } },
    nice: 5,
    oomScoreAdjust: -10,
    noNewPrivileges: true,
  });
  assert.deepEqual(requestFor(SOURCES, web, wish('/bin/main', { MAINPID: '77' }), TREE), {
    request: {
      argv: ['/bin/main'],
      environment: {
        PATH: '/bin',
        UNITD_UNIT: 'web',
        INVOCATION_ID: 'one',
        UNITD_RUN: '7',
        MAINPID: '77',
      },
      workingDirectory: '/srv',
      user: null,
      group: null,
      supplementaryGroups: null,
      umask: 0o27,
      limits: { nofile: { soft: 10, hard: 20 } },
      nice: 5,
      oomScoreAdjust: -10,
      noNewPrivileges: true,
      stdoutFd: FAKE_OUTPUT.stdoutFd,
      stderrFd: FAKE_OUTPUT.stderrFd,
    },
  });
});

test('requestFor: a tree with a cgroup has the process begin there', () => {
  const made = requestFor(SOURCES, unitSpec('web'), wish('/bin/main'), {
    ...TREE,
    cgroup: '/fence/web.unit',
  });
  assert.equal('request' in made ? made.request.cgroup : null, '/fence/web.unit');
});

test('requestFor: ${VAR} comes from the environment of the unit; one that is not set is named', () => {
  const web = unitSpec('web', { environment: { PORT: '8080' } });
  const made = requestFor(SOURCES, web, wish('/bin/main-${PORT}-$$'), TREE);
  assert.deepEqual('request' in made && made.request.argv, ['/bin/main-8080-$']);
  const reason = '${HOST} in its command is not set in its environment';
  assert.deepEqual(requestFor(SOURCES, web, wish('/bin/main-${HOST}'), TREE), {
    failure: { stage: 'command', errno: null, reason },
  });
});
