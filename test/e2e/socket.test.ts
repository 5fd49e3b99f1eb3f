// The control socket of a real daemon: who may use it, what replaces it, and that no client stalls supervision.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ProblemDetails, StatusDocument } from '../../src/wire/v1.ts';
import { child, openChannel } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { cannotRunAs, run } from '../support/launch.ts';
import { locate } from '../support/services.ts';
import { startUnitd, Unitd } from '../support/unitd.ts';
import { schemaComplaints } from '../support/wire-schemas.ts';

const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

test('the socket has mode 0600 in a directory of mode 0700, whatever the umask', async (t) => {
  const unitd = new Unitd(t, {});
  const umask = process.umask(0);
  try {
    await unitd.start();
  } finally {
    process.umask(umask);
  }
  assert.deepEqual([mode(unitd.socket), mode(unitd.runtime)], ['600', '700']);
});

test('--socket-group lets its members in, and nobody else', { skip: cannotRunAs('nobody') }, async (t) => {
  const unitd = await startUnitd(
    t,
    { 'web.yaml': 'command: sleep infinity' },
    { args: ['--socket-group', 'nogroup'] },
  );
  await unitd.until({ web: 'running' });
  assert.deepEqual([mode(unitd.socket), mode(unitd.runtime)], ['660', '710']);
  const asUser = async (user: string): Promise<number> =>
    (await run({ args: ['status'], env: unitd.env, cwd: unitd.root, asUser: user })).code;
  assert.equal(await asUser('nobody'), 0);
  assert.equal(await asUser('daemon'), 77);
});

test(
  'another --socket-group than that of the daemon before lets its members in, and none closes the directory',
  { skip: cannotRunAs('nobody') },
  async (t) => {
    const unitd = new Unitd(t, {});
    const groupOf = (path: string): number => statSync(path).gid;
    await unitd.start('--socket-group', 'daemon');
    assert.equal(groupOf(unitd.runtime), groupOf(unitd.socket));
    await unitd.stop();
    await unitd.start('--socket-group', 'nogroup');
    assert.deepEqual([mode(unitd.socket), mode(unitd.runtime)], ['660', '710']);
    const { code } = await run({ args: ['status'], env: unitd.env, cwd: unitd.root, asUser: 'nobody' });
    assert.equal(code, 0);
    assert.equal((await unitd.cli('reexec')).code, 0);
    assert.deepEqual([mode(unitd.socket), mode(unitd.runtime)], ['660', '710']);
    await unitd.stop();
    await unitd.start();
    assert.deepEqual([mode(unitd.socket), mode(unitd.runtime)], ['600', '700']);
  },
);

test(
  'a --socket-group that the user is no member of keeps the daemon from starting, and it says so',
  { skip: cannotRunAs('nobody') },
  async (t) => {
    const unitd = new Unitd(t, { asUser: 'nobody' });
    const ran = await unitd.cli('daemon', '--socket-group', 'daemon');
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /EPERM.* chown .*, expected a socket group that this user is a member of/);
  },
);

test('an unknown --socket-group keeps the daemon from starting, and it says so', async (t) => {
  const unitd = new Unitd(t, {});
  const ran = await unitd.cli('daemon', '--socket-group', 'no-such-group');
  assert.equal(ran.code, 1);
  assert.match(ran.stderr, /no-such-group/);
});

test('a socket that a killed daemon left is replaced; other files and live servers at its path are not', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {});
  await unitd.kill('SIGKILL');
  assert(statSync(unitd.socket).isSocket());
  const refused = await unitd.cli('status');
  assert.equal(refused.code, 69);
  assert.match(refused.stderr, /nobody listens there/);
  await unitd.start();
  assert.equal((await unitd.cli('status')).code, 0);
  await unitd.stop();

  unitd.write('web.yaml', `command: ${child.announce} ${channel.path}`);
  writeFileSync(unitd.socket, 'precious');
  assert.match((await unitd.cli('status')).stderr, /nobody listens there, expected a running daemon/);
  const file = await unitd.cli('daemon');
  assert.equal(file.code, 1);
  assert.match(file.stderr, /unitd\.sock.*another kind of file/);
  rmSync(unitd.socket);

  const stranger = createServer();
  await new Promise<void>((resolve) => stranger.listen(unitd.socket, resolve));
  cleanUp(t, () => void stranger.close());
  const live = await unitd.cli('daemon');
  assert.equal(live.code, 1);
  assert.match(live.stderr, /answers there/);
  assert(statSync(unitd.socket).isSocket(), 'it is left alone');
  const nowhere = await unitd.cli('daemon', '--socket', join(unitd.root, 'none', 'unitd.sock'));
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /none\/unitd\.sock.*ENOENT, expected a directory/);
  assert.deepEqual(channel.said, [], 'none of them has started anything');
});

test('a daemon that cannot open the socket leaves the units that it took up running, for the next one', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` });
  const { pid } = await channel.next('up');
  await unitd.until({ web: 'running' });
  await unitd.kill('SIGKILL');
  rmSync(unitd.socket);
  writeFileSync(unitd.socket, 'precious');
  const refused = await unitd.cli('daemon');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /another kind of file/);
  rmSync(unitd.socket);
  await unitd.start();
  assert.equal((await unitd.unit('web')).unit.pid, pid);
});

test('a daemon whose runtime directory was replaced leaves what the next one made there, to its end', async (t) => {
  const first = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  await first.until({ web: 'running' });
  rmSync(first.runtime, { recursive: true });
  const { units, runtime } = first;
  const second = new Unitd(t, { env: { UNITD_UNITS: units, UNITD_RUNTIME_DIR: runtime } });
  const pidOf = async (): Promise<number | null | undefined> => {
    const { units: all }: StatusDocument = JSON.parse((await second.cli('status', '--json')).stdout);
    return all[0]?.pid;
  };
  await second.start();
  assert.equal((await second.cli('wait', 'web')).code, 0);
  const made = readdirSync(runtime, { recursive: true });
  const pid = await pidOf();
  assert.deepEqual(await first.stop(), { code: 0, signal: null });
  assert.deepEqual(readdirSync(runtime, { recursive: true }), made);
  assert.equal(readFileSync(join(runtime, 'unitd.pid'), 'utf8'), `${second.pid}\n`);
  await second.kill('SIGKILL');
  await second.start();
  assert.equal(await pidOf(), pid);
  await second.stop();
});

test('a daemon is refused beside one whose runtime directory was removed, until that has ended', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` });
  const { pid: first } = await channel.next('up');
  rmSync(unitd.runtime, { recursive: true });
  const second = await unitd.cli('daemon');
  assert.equal(second.code, 1);
  assert.match(second.stderr, new RegExp(`the daemon with pid ${unitd.pid} uses state directory`));
  assert.equal(channel.said.length, 1, 'the second has started nothing');
  assert.deepEqual(await unitd.stop(), { code: 0, signal: null });
  await unitd.start();
  assert.notEqual((await channel.next('up', 1)).pid, first);
});

test('a daemon is refused on the state directory of one with another runtime directory', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` });
  await channel.next('up');
  const second = await unitd.cli('daemon', '--runtime-dir', join(unitd.root, 'other'));
  assert.equal(second.code, 1);
  const { pid, state } = unitd;
  assert.equal(
    JSON.parse(second.stderr).message,
    `cannot start daemon: the daemon with pid ${pid} uses state directory "${state}"`,
  );
  assert.equal(channel.said.length, 1, 'the second has started nothing');
  await unitd.stop();
  await unitd.start('--runtime-dir', join(unitd.root, 'other'), '--socket', unitd.socket);
  await channel.next('up', 1);
});

test('a daemon starts on a copy of the state directory of one that runs', async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  const copy = new Unitd(t, {});
  cpSync(unitd.state, copy.state, { recursive: true });
  await copy.start();
});

test('a daemon is refused on the log directory of another, also of one that has replaced itself, and on no dead one’s', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` });
  await channel.next('up');
  const elsewhere = ['--runtime-dir', join(unitd.root, 'other'), '--state-dir', join(unitd.root, 'state-2')];
  const words = ['daemon', ...elsewhere, '--socket', join(unitd.root, 'other', 'unitd.sock')];
  const refused = async (): Promise<void> => {
    const second = await unitd.cli(...words);
    assert.equal(second.code, 1);
    assert.match(
      second.stderr,
      new RegExp(`the daemon with pid ${unitd.pid} uses log directory \\\\"${unitd.logs}\\\\"`),
    );
    assert.equal(channel.said.length, 1, 'the second has started nothing');
  };
  await refused();
  assert.equal((await unitd.cli('reexec')).code, 0);
  await refused();
  await unitd.kill('SIGKILL');
  await unitd.start();
  await unitd.stop();
  await unitd.start(...elsewhere, '--socket', unitd.socket);
  await channel.next('up', 1);
});

test('one directory for all that a daemon writes is no other daemon’s', async (t) => {
  const unitd = new Unitd(t, {});
  await unitd.start('--state-dir', unitd.runtime, '--log-dir', unitd.runtime);
  assert.equal((await unitd.cli('status')).code, 0);
});

test('a second daemon on the runtime directory refuses with the pid of the first, which goes on', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, { 'web.yaml': `command: ${child.announce} ${channel.path}` });
  const { pid } = await channel.next('up');
  const second = await unitd.cli('daemon');
  assert.equal(second.code, 1);
  assert.match(second.stderr, new RegExp(`the daemon with pid ${unitd.pid} uses runtime directory`));
  assert.equal((await unitd.unit('web')).unit.pid, pid);
  assert.equal(channel.said.length, 1, 'the second has started nothing');
});

const curl = locate('curl');
test('curl --unix-socket is a client', { skip: curl.skip }, async (t) => {
  const unitd = await startUnitd(t, { 'web.yaml': 'command: sleep infinity' });
  await unitd.until({ web: 'running' });
  const ask = (...words: string[]): string => {
    const { status, stdout, stderr } = spawnSync(
      curl.path('curl'),
      ['--silent', '--show-error', '--unix-socket', unitd.socket, ...words],
      { encoding: 'utf8' },
    );
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const status: StatusDocument = JSON.parse(ask('http://unitd/v1/status'));
  assert.deepEqual(
    status.units.map(({ name, state }) => [name, state]),
    [['web', 'running']],
  );
  assert.deepEqual(schemaComplaints('status', status), []);
  const stopped: unknown = JSON.parse(ask('-X', 'POST', 'http://unitd/v1/units/web/stop'));
  assert.deepEqual(schemaComplaints('operation', stopped), []);
  const told = ask('--write-out', '%{http_code} %{content_type}', 'http://unitd/v1/units/nobody');
  assert.match(told, /404 application\/problem\+json$/);
  assert.match(ask('http://unitd/v1/units/web/logs'), /^$/);
});

test('requests that are too long, no JSON, or no HTTP get an answer that says why', async (t) => {
  const unitd = await startUnitd(t, {});
  const post = async (body: string | Buffer): Promise<ProblemDetails> =>
    await new Promise((resolve, reject) => {
      const asked = request(
        { socketPath: unitd.socket, path: '/v1/reload', method: 'POST', agent: false },
        (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.on('end', () => resolve(JSON.parse(text)));
        },
      );
      asked.on('error', reject);
      asked.end(body);
    });
  for (const [body, status] of [
    ['{"wait":', 400],
    ['{"wait":"perhaps"}', 400],
    ['{"whatever":1}', 400],
    ['[]', 400],
    [Buffer.alloc(200_000, 'x'), 413],
  ] as const) {
    const details = await post(body);
    assert.equal(details.status, status, JSON.stringify(details));
    assert.deepEqual(schemaComplaints('problem', details), []);
  }
  assert.match(await answerTo(t, unitd.socket, 'HELLO\r\n\r\n'), /^HTTP\/1\.1 400 /);
  assert.match(
    await answerTo(t, unitd.socket, `GET /${'x'.repeat(40_000)} HTTP/1.1\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  );
});

/** All that is answered until the other side closes. */
async function answerTo(t: TestContext, path: string, text: string): Promise<string> {
  const socket = await connected(t, path);
  return await new Promise((resolve) => {
    let answer = '';
    socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
    socket.on('close', () => resolve(answer));
    socket.write(text);
  });
}

async function connected(t: TestContext, path: string): Promise<Socket> {
  const socket = connect(path);
  cleanUp(t, () => void socket.destroy());
  socket.on('error', () => undefined);
  return await new Promise((resolve) => socket.on('connect', () => resolve(socket)));
}

test('300 idle connections, half requests and garbage do not keep a killed child down', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 0s }`,
  });
  let { pid } = await channel.next('up');
  await Promise.all(Array.from({ length: 300 }, async () => await connected(t, unitd.socket)));
  const half = await connected(t, unitd.socket);
  half.write('POST /v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"wait"');
  const slow = await connected(t, unitd.socket);
  slow.write('GET /v1/sta');
  const flood = await connected(t, unitd.socket);
  flood.write(Buffer.alloc(4 * 1024 * 1024, 0xaa));
  const deaf = await connected(t, unitd.socket);
  deaf.pause();
  deaf.write('GET /v1/events?snapshot=1 HTTP/1.1\r\nHost: x\r\n\r\n');
  for (let round = 1; round <= 5; round++) {
    process.kill(pid, 'SIGKILL');
    ({ pid } = await channel.next('up', round));
  }
  const status = await unitd.cli('status', '--json');
  assert.equal(status.code, 0, status.stderr);
  assert.equal((await unitd.cli('stop', 'web')).code, 0);
});

test('more connections than it takes are turned away, and served again once those are gone', async (t) => {
  const unitd = await startUnitd(t, {});
  const sockets = new Set<Socket>();
  const first = new Promise<void>((resolve) => {
    const add = (): void => {
      const socket = connect(unitd.socket);
      sockets.add(socket);
      // EAGAIN: as many as it takes wait for it to look. It is to turn away the next one, not the kernel.
      socket.on('error', () => {
        if (sockets.delete(socket)) setImmediate(add);
      });
      socket.once('data', () => resolve());
    };
    for (let count = 0; count < 600; count++) add();
  });
  const letGo = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  cleanUp(t, letGo);
  await first;
  letGo();
  // Until it has taken in all of them, and seen that they are gone, it may turn away whoever comes behind them.
  const ends = (): number =>
    readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .filter((line) => line.endsWith(` ${unitd.socket}`)).length;
  while (ends() > 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal((await unitd.cli('status', '--json')).code, 0);
});

test(
  'a runtime directory that others may write in is refused',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const unitd = new Unitd(t, {});
    mkdirSync(unitd.runtime, { mode: 0o777 });
    spawnSync('chmod', ['0777', unitd.runtime]);
    const ran = await unitd.cli('daemon');
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /everybody may write/);
  },
);
