// How a unit is stopped: whom killMode reaches, what follows when TERM is not obeyed, and that nothing is left.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  type Channel,
  child,
  type Gate,
  openChannel,
  openGate,
  temporaryDirectory,
} from '../support/child.ts';
import { isAlive, processFact } from '../support/processes.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';

for (const killMode of ['control-group', 'mixed'] as const) {
  test(`killMode ${killMode}: stop ends main, its child and a grandchild in a session of its own`, async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(t, {
      'web.yaml': `
        command: [/bin/sh, -c, 'sleep infinity & exec ${child.doubleFork} ${channel.path}']
        stop: { killMode: ${killMode} }`,
    });
    const main = await channel.next('main');
    const grandchild = await channel.next('grandchild');
    await unitd.until({ web: 'running' });
    assert.notEqual(processFact(grandchild.pid)?.session, processFact(main.pid)?.session);
    const { processes } = await unitd.unit('web');
    assert.equal(processes.length, 3);
    assert.equal(processes.find(({ pid }) => pid === grandchild.pid)?.parentPid, unitd.pid);

    assert.equal((await unitd.cli('stop', 'web')).code, 0);
    assert.deepEqual(unitd.processes(), []);
    await unitd.untilNoZombie();
    const { unit } = await unitd.unit('web');
    assert.deepEqual(
      [unit.state, unit.lastExit?.signal, unit.lastExit?.cause],
      ['stopped', 'SIGTERM', 'signal'],
    );
  });

  test(`killMode ${killMode}: a grandchild that outlives main is ended before the next start`, async (t) => {
    const channel = openChannel(t);
    const unitd = await startUnitd(t, {
      'web.yaml': `
        command: ${child.doubleFork} ${channel.path}
        restart: { delay: 0s }
        stop: { killMode: ${killMode} }`,
    });
    const main = await channel.next('main');
    const orphan = await channel.next('grandchild');
    process.kill(main.pid, 'SIGKILL');
    const next = await channel.next('main', 1);
    assert.equal(isAlive(orphan.pid), false);
    await channel.next('grandchild', 1);
    await unitd.until((look) => look('web')?.pid === next.pid);
    assert.equal((await unitd.unit('web')).processes.length, 2);
  });
}

test('killMode control-group: everybody gets stop.signal; what ignores it gets finalSignal after the timeout', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${child.doubleFork} ${channel.path} deaf
      stop: { timeout: 300ms }`,
  });
  const main = await channel.next('main');
  const deaf = await channel.next('grandchild');
  await unitd.until({ web: 'running' });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.deepEqual([isAlive(main.pid), isAlive(deaf.pid)], [false, false]);
  const { unit } = await unitd.unit('web');
  assert.equal(unit.lastExit?.cause, 'stop-timeout');
  assert.match(unit.reason, /did not stop within 300ms of SIGTERM/);
});

test('killMode mixed: main alone gets stop.signal, the rest finalSignal as soon as main is gone', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command:
        - /bin/sh
        - -c
        - '${child.answerSignals} ${channel.path} USR1 & exec ${child.announce} ${channel.path} main'
      stop: { killMode: mixed, timeout: infinity }`,
  });
  await channel.next('main');
  await channel.next('up');
  await unitd.until({ web: 'running' });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.equal(
    channel.said.find(({ word }) => word === 'TERM'),
    undefined,
  );
  assert.deepEqual(unitd.processes(), []);
});

test('killMode process: main alone is ended, after the timeout by finalSignal; the rest lives on', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(
    t,
    {
      'polite.yaml': `
        command: ${child.doubleFork} ${channel.path}
        stop: { killMode: process }`,
      'deaf.yaml': `
        command: ${child.ignoreTerm} ${channel.path} deaf
        stop: { killMode: process, timeout: 200ms }`,
    },
    { leavesProcesses: true },
  );
  const grandchild = await channel.next('grandchild');
  const main = await channel.next('main');
  const deaf = await channel.next('deaf');
  await unitd.until({ polite: 'running', deaf: 'running' });
  assert.equal((await unitd.cli('stop', 'polite', 'deaf')).code, 0);
  assert.deepEqual([isAlive(main.pid), isAlive(deaf.pid), isAlive(grandchild.pid)], [false, false, true]);
  assert.equal((await unitd.unit('polite')).unit.state, 'stopped');
});

test('killMode none: nobody is signalled, and stop.command is what ends the unit', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(
    t,
    {
      'commanded.yaml': `
        command: ${child.announce} ${channel.path} commanded
        stop: { killMode: none, command: [/bin/sh, -c, 'kill -INT $MAINPID'] }`,
      'left.yaml': `
        command: ${child.announce} ${channel.path} left
        stop: { killMode: none, timeout: 200ms }`,
    },
    { leavesProcesses: true },
  );
  const left = await channel.next('left');
  await channel.next('commanded');
  await unitd.until({ commanded: 'running', left: 'running' });
  assert.equal((await unitd.cli('stop', 'commanded')).code, 0);
  assert.equal((await unitd.unit('commanded')).unit.lastExit?.signal, 'SIGINT');
  assert.equal((await unitd.cli('stop', 'left')).code, 0);
  assert.equal((await unitd.unit('left')).unit.state, 'stopped');
  assert.equal(isAlive(left.pid), true);
});

test('stop.signal and stop.finalSignal are the ones that are sent', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'usr.yaml': `
      command: ${child.answerSignals} ${channel.path} USR1
      stop: { signal: USR1, finalSignal: TERM, timeout: 500ms, killMode: process }`,
  });
  await channel.next('up');
  await unitd.until({ usr: 'running' });
  assert.equal((await unitd.cli('stop', 'usr')).code, 0);
  assert.deepEqual(
    channel.said.map(({ word }) => word),
    ['up', 'USR1', 'TERM'],
  );
  assert.deepEqual(unitd.processes(), []);
});

test('a unit whose processes are all stopped by SIGSTOP stops all the same', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${child.doubleFork} ${channel.path}
      stop: { timeout: 10m }`,
  });
  const main = await channel.next('main');
  const grandchild = await channel.next('grandchild');
  await unitd.until({ web: 'running' });
  process.kill(main.pid, 'SIGSTOP');
  process.kill(grandchild.pid, 'SIGSTOP');
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.deepEqual(unitd.processes(), []);
  await unitd.untilNoZombie();
});

test('a stop during the start ends startPre, and is not a failure', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `
      startPre: [${child.gate} ${channel.path} ${gate.path}]
      command: ${child.announce} ${channel.path} never`,
  });
  await channel.next('waiting');
  await unitd.until({ web: 'starting' });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  const { unit } = await unitd.unit('web');
  assert.deepEqual([unit.state, unit.held], ['stopped', true]);
  assert.deepEqual(unitd.processes(), []);
});

interface StopUnderWay {
  readonly channel: Channel;
  /** The unit goes down when it opens, and not before. */
  readonly gate: Gate;
  readonly unitd: Unitd;
  /** Of the unit "web". */
  readonly stop: ReturnType<Unitd['cli']>;
}

async function stopUnderWay(t: TestContext): Promise<StopUnderWay> {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.stopSlowly} ${channel.path} ${gate.path}\nstop: { timeout: 1h }`,
  });
  await channel.next('up');
  await unitd.until({ web: 'running' });
  const stop = unitd.cli('stop', 'web');
  await channel.next('stopping');
  return { channel, gate, unitd, stop };
}

test('a stop is safe to repeat, and two at once both answer', async (t) => {
  const { channel, gate, unitd, stop } = await stopUnderWay(t);
  const second = unitd.cli('stop', 'web');
  gate.open();
  assert.deepEqual([(await stop).code, (await second).code], [0, 0]);
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.equal(channel.said.filter(({ word }) => word === 'stopping').length, 1);
});

test('a stop that a start overrules before the unit is down ends, fails and says so', async (t) => {
  const { channel, gate, unitd, stop } = await stopUnderWay(t);
  const start = unitd.cli('start', 'web');
  const { code, stdout, stderr } = await stop;
  assert.equal(code, 1);
  assert.match(`${stdout}${stderr}`, /wanted up again before it was down/);
  gate.open();
  assert.equal((await start).code, 0);
  await channel.next('up', 1);
  const last = unitd.cli('stop', 'web');
  await channel.next('stopping', 1);
  gate.open();
  assert.equal((await last).code, 0);
});

test('a crash in the middle of forks: what is born as main dies is reached by the stop, however often', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.doubleFork} ${channel.path}\nrestart: { delay: 0s, factor: 1 }\nstop: { timeout: 1h }`,
  });
  for (let round = 0; round < 40; round += 1) {
    process.kill((await channel.next('main', round)).pid, 'SIGKILL');
  }
  await channel.next('main', 40);
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.deepEqual(unitd.processes(), []);
  for (const { pid } of channel.said) assert.equal(isAlive(pid), false);
});

test('stopPost is not reached by the signal that ended the unit, whatever of that is still being reaped', async (t) => {
  const channel = openChannel(t);
  const file = join(temporaryDirectory(t), 'notes');
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${child.doubleFork} ${channel.path}
      stopPost: [${child.note} 0 ${file} stopPost]`,
  });
  const rounds = 25;
  for (let round = 0; round < rounds; round += 1) {
    await channel.next('main', round);
    await unitd.post('/v1/units/web/restart');
  }
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  assert.equal(readFileSync(file, 'utf8'), 'stopPost\n'.repeat(rounds + 1), unitd.said.join('\n'));
});

test('what a unit and its orphans write until the last of them has ended is in the log', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command:
        - /bin/sh
        - -c
        - >-
          (setsid sh -c 'trap "echo orphan heard TERM; printf last; exit" TERM; echo "grandchild $$$$" >${channel.path};
          read x <${gate.path}' &) ; trap 'echo main heard TERM; exit' TERM;
          echo "main $$$$" >${channel.path}; read x <${gate.path}
      logs: { format: raw }`,
  });
  await channel.next('main');
  await channel.next('grandchild');
  await unitd.until({ web: 'running' });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  // In whatever order the two wrote.
  await unitd.untilLog('web', /^(?=[^]*main heard TERM\n)(?=[^]*orphan heard TERM\n)(?=[^]*last)/);
});

test('what lives on under killMode process is still logged', async (t) => {
  const channel = openChannel(t);
  const gate = openGate(t);
  const unitd = await startUnitd(
    t,
    {
      'web.yaml': `
        command:
          - /bin/sh
          - -c
          - '(setsid sh -c "${child.gate} ${channel.path} ${gate.path}; echo after the stop" &) ; exec ${child.announce} ${channel.path}'
        stop: { killMode: process }`,
    },
    { leavesProcesses: true },
  );
  await channel.next('up');
  await channel.next('waiting');
  await unitd.until({ web: 'running' });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  gate.open();
  await unitd.untilLog('web', /after the stop/);
});
