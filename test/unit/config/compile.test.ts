import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUnit } from '../../../src/config/parse.ts';
import { NO_RESOURCES } from '../../../src/model/unit.ts';
import type { UnitSpec } from '../../../src/model/unit.ts';

function compiled(text: string): UnitSpec {
  const { spec, problems } = parseUnit({
    name: 'web',
    file: 'web.yaml',
    bytes: new TextEncoder().encode(text),
  });
  assert.deepEqual(problems, []);
  assert.ok(spec !== null);
  return spec;
}

test('compileUnit() fills a service with the documented defaults', () => {
  assert.deepEqual(compiled('command: /bin/true\n'), {
    name: 'web',
    description: '',
    documentation: [],
    type: 'service',
    enabled: true,
    command: { argv: ['/bin/true'], ignoreFailure: false },
    environment: {},
    environmentFiles: [],
    workingDirectory: null,
    user: null,
    group: null,
    supplementaryGroups: null,
    umask: null,
    limits: {},
    resources: NO_RESOURCES,
    nice: null,
    oomScoreAdjust: null,
    pidFile: null,
    noNewPrivileges: false,
    startPre: [],
    startPost: [],
    stopPost: [],
    startTimeoutMs: 90_000,
    runtimeMaxMs: null,
    successExitStatus: { codes: [], signals: [] },
    restart: {
      policy: 'always',
      delayMs: 1_000,
      factor: 2,
      maxDelayMs: 60_000,
      jitter: 0.1,
      resetAfterMs: 60_000,
      limit: 0,
      intervalMs: 600_000,
      preventExitStatus: { codes: [], signals: [] },
      forceExitStatus: { codes: [], signals: [] },
    },
    stop: {
      signal: 'SIGTERM',
      timeoutMs: 10_000,
      killMode: 'control-group',
      finalSignal: 'SIGKILL',
      command: null,
    },
    requires: [],
    wants: [],
    requisite: [],
    bindsTo: [],
    partOf: [],
    upholds: [],
    conflicts: [],
    after: [],
    before: [],
    onFailure: [],
    onSuccess: [],
    logs: { format: 'cri', maxSizeBytes: 10_000_000, maxFiles: 5, maxAgeMs: 2_592_000_000, compress: true },
    failureAction: 'none',
    successAction: 'none',
  });
});

test('compileUnit() gives a oneshot no restart and no start timeout unless the file does', () => {
  const plain = compiled('type: oneshot\ncommand: a\nrestart: {delay: 2s}\n');
  assert.equal(plain.restart.policy, 'no');
  assert.equal(plain.restart.delayMs, 2_000);
  assert.equal(plain.startTimeoutMs, null);
  const set = compiled('type: oneshot\ncommand: a\nrestart: {policy: on-failure}\nstartTimeout: 5s\n');
  assert.equal(set.restart.policy, 'on-failure');
  assert.equal(set.startTimeoutMs, 5_000);
});

test('compileUnit() needs no command for a target', () => {
  const target = compiled('type: target\nrequires: [db]\n');
  assert.equal(target.command, null);
  assert.deepEqual(target.requires, ['db']);
});

test('compileUnit() splits commands into words, takes lists as they are, and notes a leading -', () => {
  const spec = compiled(`
command: /usr/bin/node "a b" --port \${PORT}
startPre: [-/bin/a 'b c', [-/bin/d, "e f"], "'-/bin/g' h"]
startPost: [[/bin/a, -x]]
stopPost: ["-/bin/z"]
stop: { command: [-/bin/quit] }
`);
  assert.deepEqual(spec.command, {
    argv: ['/usr/bin/node', 'a b', '--port', '${PORT}'],
    ignoreFailure: false,
  });
  assert.deepEqual(spec.startPre, [
    { argv: ['/bin/a', 'b c'], ignoreFailure: true },
    { argv: ['/bin/d', 'e f'], ignoreFailure: true },
    { argv: ['/bin/g', 'h'], ignoreFailure: true },
  ]);
  assert.deepEqual(spec.startPost, [{ argv: ['/bin/a', '-x'], ignoreFailure: false }]);
  assert.deepEqual(spec.stopPost, [{ argv: ['/bin/z'], ignoreFailure: true }]);
  assert.deepEqual(spec.stop.command, { argv: ['/bin/quit'], ignoreFailure: true });
});

test('compileUnit() writes signals one way: with SIG, aliases resolved', () => {
  const spec = compiled(
    'command: a\nstop: {signal: HUP, finalSignal: RTMIN+3}\nsuccessExitStatus: [143, TERM, SIGIOT, 7]\n',
  );
  assert.equal(spec.stop.signal, 'SIGHUP');
  assert.equal(spec.stop.finalSignal, 'SIGRTMIN+3');
  assert.deepEqual(spec.successExitStatus, { codes: [143, 7], signals: ['SIGTERM', 'SIGABRT'] });
});

test('compileUnit() reads limits as one value or soft:hard', () => {
  const spec = compiled(
    'command: a\nlimits: {nofile: 65536, core: unlimited, cpu: "60:infinity", stack: "8"}\n',
  );
  assert.deepEqual(spec.limits, {
    nofile: { soft: 65536, hard: 65536 },
    core: { soft: 'unlimited', hard: 'unlimited' },
    cpu: { soft: 60, hard: 'unlimited' },
    stack: { soft: 8, hard: 8 },
  });
});

test('compileUnit() reads resources: sizes, percents of a processor, weights and counts', () => {
  const spec = compiled(
    'command: a\nresources: {memoryMax: 64MiB, memoryHigh: 60MB, cpuMax: 150%, cpuWeight: 1, tasksMax: 3, ioWeight: 10000}\n',
  );
  assert.deepEqual(spec.resources, {
    memoryMaxBytes: 67_108_864,
    memoryHighBytes: 60_000_000,
    cpuMaxPercent: 150,
    cpuWeight: 1,
    tasksMax: 3,
    ioWeight: 10_000,
  });
});

test('compileUnit() reads infinity as no limit', () => {
  const spec = compiled(
    'command: a\nstartTimeout: infinity\nruntimeMax: 1d\nstop: {timeout: infinity}\nlogs: {maxAge: infinity}\n',
  );
  assert.equal(spec.startTimeoutMs, null);
  assert.equal(spec.runtimeMaxMs, 86_400_000);
  assert.equal(spec.stop.timeoutMs, null);
  assert.equal(spec.logs.maxAgeMs, null);
});

test('compileUnit() reads accounts, umask, files and text to the model', () => {
  const spec = compiled(
    'command: a\nuser: 1000\ngroup: www\nsupplementaryGroups: []\numask: "0027"\nenvironmentFiles: [/a, -/b]\ndescription: |\n  Web\nrestart: {policy: no}\n',
  );
  assert.equal(spec.user, '1000');
  assert.equal(spec.group, 'www');
  assert.deepEqual(spec.supplementaryGroups, []);
  assert.equal(spec.umask, 0o027);
  assert.deepEqual(spec.environmentFiles, [
    { path: '/a', optional: false },
    { path: '/b', optional: true },
  ]);
  assert.equal(spec.description, 'Web');
  assert.equal(spec.restart.policy, 'no');
});

test('compileUnit() reads values through anchors and aliases', () => {
  const spec = compiled(
    'command: a\nrequires: &deps [db, cache]\nafter: *deps\nenvironment: {A: &v x, B: *v}\n',
  );
  assert.deepEqual(spec.after, ['db', 'cache']);
  assert.deepEqual(spec.environment, { A: 'x', B: 'x' });
});
