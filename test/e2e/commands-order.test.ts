// startPre, command, startPost, stop.command and stopPost: their order, and the variables that each of them is given.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel, openGate, temporaryDirectory } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

const VARIABLES = 'MAINPID SERVICE_RESULT EXIT_CODE EXIT_STATUS';

function linesOf(path: string): readonly string[] {
  return readFileSync(path, 'utf8').trimEnd().split('\n');
}

test('the commands of a service run one after another, around its main process', async (t) => {
  const file = join(temporaryDirectory(t), 'order');
  const { path: postGate } = openGate(t);
  const channel = openChannel(t);
  // startPost[0] begins as soon as the main process is there, and waits here for its first word.
  const unitd = await startUnitd(t, {
    'web.yaml': `
      startPre: [${child.note} 0 ${file} pre0 ${VARIABLES}, ${child.note} 0 ${file} pre1]
      command:
        - /bin/sh
        - -c
        - '${child.note} 0 ${file} main ${VARIABLES}; echo go >${postGate}; exec ${child.announce} ${channel.path}'
      startPost:
        - ${child.gate} ${channel.path} ${postGate}
        - ${child.note} 0 ${file} post1 ${VARIABLES}
        - ${child.note} 0 ${file} post2
      stop: { command: ${child.note} 0 ${file} stop ${VARIABLES} }
      stopPost: [${child.note} 0 ${file} stopPost0 ${VARIABLES}, ${child.note} 0 ${file} stopPost1]`,
  });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
  const none = 'MAINPID=- SERVICE_RESULT=- EXIT_CODE=- EXIT_STATUS=-';
  const main = `MAINPID=${pid} SERVICE_RESULT=- EXIT_CODE=- EXIT_STATUS=-`;
  assert.deepEqual(linesOf(file), [
    `pre0 ${none}`,
    'pre1',
    `main ${none}`,
    `post1 ${main}`,
    'post2',
    `stop ${main}`,
    'stopPost0 MAINPID=- SERVICE_RESULT=success EXIT_CODE=killed EXIT_STATUS=TERM',
    'stopPost1',
  ]);
});

test('stopPost is told how the run ended', async (t) => {
  const directory = temporaryDirectory(t);
  const ends: Readonly<Record<string, readonly [fields: string, expected: string]>> = {
    clean: [`command: ${child.exit} 0`, 'SERVICE_RESULT=success EXIT_CODE=exited EXIT_STATUS=0'],
    listed: [
      `{ command: '${child.exit} 9', successExitStatus: [9] }`,
      'SERVICE_RESULT=success EXIT_CODE=exited EXIT_STATUS=9',
    ],
    code: [`command: ${child.exit} 7`, 'SERVICE_RESULT=exit-code EXIT_CODE=exited EXIT_STATUS=7'],
    signal: [`command: ${child.dieBy} KILL`, 'SERVICE_RESULT=signal EXIT_CODE=killed EXIT_STATUS=KILL'],
    hangup: [`command: ${child.dieBy} HUP`, 'SERVICE_RESULT=success EXIT_CODE=killed EXIT_STATUS=HUP'],
    limit: [
      `{ command: 'sleep infinity', runtimeMax: 10ms }`,
      'SERVICE_RESULT=timeout EXIT_CODE=killed EXIT_STATUS=TERM',
    ],
    pre: [
      `{ command: 'sleep infinity', startPre: ['${child.exit} 1'] }`,
      'SERVICE_RESULT=exit-code EXIT_CODE=- EXIT_STATUS=-',
    ],
    exec: [`command: /nonexistent/program`, 'SERVICE_RESULT=resources EXIT_CODE=- EXIT_STATUS=-'],
  };
  const unitFile = (name: string, fields: string): string => {
    const own = fields.startsWith('{') ? fields.slice(1, -1) : fields.replace(/: (.*)/, ": '$1'");
    const note = `${child.note} 0 ${join(directory, name)} end SERVICE_RESULT EXIT_CODE EXIT_STATUS`;
    return `{ ${own}, restart: { policy: no }, stopPost: ['${note}'] }\n`;
  };
  const unitd = await startUnitd(
    t,
    Object.fromEntries(
      Object.entries(ends).map(([name, [fields]]) => [`${name}.yaml`, unitFile(name, fields)]),
    ),
  );
  await unitd.until((look) =>
    Object.keys(ends).every((name) => ['completed', 'failed'].includes(look(name)?.to ?? '')),
  );
  const told = Object.keys(ends).map((name) => [name, linesOf(join(directory, name))]);
  assert.deepEqual(
    told,
    Object.entries(ends).map(([name, [, expected]]) => [name, [`end ${expected}`]]),
  );
});

test('every process of an activation has its INVOCATION_ID and UNITD_UNIT, the next activation another id', async (t) => {
  const file = join(temporaryDirectory(t), 'ids');
  const channel = openChannel(t);
  const note = `${child.note} 0 ${file}`;
  const unitd = await startUnitd(t, {
    'web.yaml': `
      startPre: ['${note} pre INVOCATION_ID UNITD_UNIT']
      command: ${child.announce} ${channel.path}
      startPost: ['${note} post INVOCATION_ID UNITD_UNIT']
      stop: { command: '${note} stop INVOCATION_ID UNITD_UNIT' }
      stopPost: ['${note} stopPost INVOCATION_ID UNITD_UNIT']`,
  });
  await unitd.until({ web: 'running' });
  await unitd.cli('stop', 'web');
  await unitd.cli('start', 'web');
  const lines = linesOf(file).map((line) => line.split(' '));
  assert.deepEqual(
    lines.map(([word, , unit]) => `${word} ${unit}`),
    ['pre', 'post', 'stop', 'stopPost', 'pre', 'post'].map((word) => `${word} UNITD_UNIT=web`),
  );
  const ids = lines.map(([, id = '']) => id);
  assert.match(ids[0] ?? '', /^INVOCATION_ID=[0-9a-f]{32}$/);
  assert.equal(new Set(ids.slice(0, 4)).size, 1);
  assert.equal(new Set(ids.slice(4)).size, 1);
  assert.notEqual(ids[0], ids[4]);
});
