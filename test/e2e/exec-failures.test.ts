// A process that cannot be started: said within the start, by name, in the unit's reason and to whoever started it.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { child, openChannel, temporaryDirectory } from '../support/child.ts';
import { startUnitd } from '../support/unitd.ts';

interface Row {
  readonly name: string;
  readonly fields: string;
  readonly reason: RegExp;
  readonly needsRoot?: boolean;
}

function rows(directory: string): readonly Row[] {
  const path = (name: string, content: string, mode: number): string => {
    const file = join(directory, name);
    writeFileSync(file, content);
    chmodSync(file, mode);
    return file;
  };
  const locked = join(directory, 'locked');
  mkdirSync(locked, { mode: 0o700 });
  const plain = path('plain', 'text', 0o644);
  return [
    {
      name: 'missing-file',
      fields: 'command: /nonexistent/program',
      reason: /^could not be started: "\/nonexistent\/program" does not exist$/,
    },
    {
      name: 'not-on-path',
      fields: 'command: no-such-program-anywhere',
      reason: /^could not be started: "no-such-program-anywhere" is not on the PATH "/,
    },
    {
      name: 'not-executable',
      fields: `command: ${plain}`,
      reason: /^could not be started: "\S+\/plain" is not executable \(mode 0?644\)$/,
    },
    {
      name: 'a-directory',
      fields: `command: ${directory}`,
      reason: /^could not be started: "\S+" is a directory$/,
    },
    {
      name: 'bad-interpreter',
      fields: `command: ${path('script', '#!/nonexistent/interpreter\n', 0o755)}`,
      reason:
        /^could not be started: the interpreter "\/nonexistent\/interpreter" of "\S+\/script" does not exist$/,
    },
    {
      name: 'no-program',
      fields: `command: ${path('noise', 'no #! line', 0o755)}`,
      reason: /^could not be started: "\S+\/noise" is neither a program .* nor a script with a #! line$/,
    },
    {
      name: 'missing-directory',
      fields: 'command: sleep infinity\nworkingDirectory: /nonexistent/directory',
      reason: /^could not be started: "\/nonexistent\/directory" does not exist$/,
    },
    {
      name: 'no-directory',
      fields: `command: sleep infinity\nworkingDirectory: ${plain}`,
      reason: /^could not be started: "\S+\/plain" is not a directory$/,
    },
    {
      name: 'unknown-user',
      fields: 'command: sleep infinity\nuser: no-such-user-here',
      reason: /^could not be started: user "no-such-user-here" does not exist$/,
    },
    {
      name: 'unknown-group',
      fields: 'command: sleep infinity\ngroup: no-such-group-here',
      reason: /^could not be started: group "no-such-group-here" does not exist$/,
    },
    {
      name: 'unset-variable',
      fields: 'command: sleep ${NO_SUCH_VARIABLE}',
      reason: /^could not be started: \$\{NO_SUCH_VARIABLE\} in its command is not set in its environment$/,
    },
    {
      name: 'missing-environment-file',
      fields: 'command: sleep infinity\nenvironmentFiles: [/nonexistent/environment]',
      reason: /^could not be started: environment file "\/nonexistent\/environment" cannot be read: ENOENT$/,
    },
    {
      name: 'closed-to-user',
      fields: `command: sleep infinity\nuser: nobody\nworkingDirectory: ${locked}`,
      reason:
        /^could not be started: user "nobody" may not execute or search "\S+\/locked" \(mode 0?700, owner 0:0\)$/,
      needsRoot: true,
    },
    {
      name: 'missing-in-chain',
      fields: 'command: /nonexistent/program\numask: "0077"\nnice: 10',
      reason: /^could not be started: "\/nonexistent\/program" does not exist$/,
    },
    {
      name: 'missing-start-pre',
      fields: 'command: sleep infinity\nstartPre: [/nonexistent/pre]',
      reason: /^startPre\[0\] could not be started: "\/nonexistent\/pre" does not exist$/,
    },
    {
      name: 'missing-start-post',
      fields: 'command: sleep infinity\nstartPost: [/nonexistent/post]',
      reason: /^startPost\[0\] could not be started: "\/nonexistent\/post" does not exist$/,
    },
  ];
}

test('a process that cannot be started is reported by name, in the state and to unitd start', async (t) => {
  const directory = temporaryDirectory(t);
  const isRoot = process.getuid?.() === 0;
  const cases = rows(directory).filter(({ needsRoot = false }) => isRoot || !needsRoot);
  const unitd = await startUnitd(
    t,
    Object.fromEntries(
      cases.map(({ name, fields }) => [
        `${name}.yaml`,
        `${fields}\nenabled: false\nrestart: { policy: no }\n`,
      ]),
    ),
  );
  const answers = await unitd.cli('start', '--json', ...cases.map(({ name }) => name));
  assert.equal(answers.code, 1);
  const { units }: { readonly units: readonly { name: string; outcome: string; reason: string }[] } =
    JSON.parse(answers.stdout);
  const states = new Map((await unitd.status()).units.map((unit) => [unit.name, unit]));
  for (const { name, reason } of cases) {
    const answer = units.find((unit) => unit.name === name);
    assert.equal(answer?.outcome, 'failed', name);
    assert.match(answer.reason, reason);
    assert.equal(states.get(name)?.state, 'failed', name);
    assert.match(states.get(name)?.reason ?? '', reason);
  }
  assert.deepEqual(unitd.processes(), []);
});

test('a start of a program that does not exist: unitd start says which on stderr and exits 1', async (t) => {
  const unitd = await startUnitd(t, {
    'web.yaml': `
      enabled: false
      command: /nonexistent/program`,
  });
  const { code, stdout, stderr } = await unitd.cli('start', 'web');
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /could not be started: "\/nonexistent\/program" does not exist/);
  await unitd.says(/could not be started: \\"\/nonexistent\/program\\" does not exist/);
});

test('a program that appears is started by the next attempt', async (t) => {
  const channel = openChannel(t);
  const program = join(temporaryDirectory(t), 'program');
  const unitd = await startUnitd(t, {
    'web.yaml': `
      command: ${program}
      restart: { delay: 10ms, factor: 1 }`,
  });
  await unitd.until((look) => /attempt ([2-9]|\d\d)/.test(look('web')?.reason ?? ''));
  writeFileSync(`${program}.new`, `#!/bin/sh\nexec ${child.announce} ${channel.path}\n`, { mode: 0o755 });
  // A rename, so that no attempt meets a file that is still open for writing.
  renameSync(`${program}.new`, program);
  const { pid } = await channel.next('up');
  await unitd.until((look) => look('web')?.pid === pid);
});
