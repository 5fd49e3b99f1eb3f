// Debian's redis-server, nginx and PostgreSQL as units that depend on each other, and a client that writes and reads
// through them: reloaded, killed, restarted and stopped, with their data intact.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openChannel, temporaryDirectory } from '../support/child.ts';
import { idsOf } from '../support/launch.ts';
import { WAIT_LIMIT_MS } from '../support/lines.ts';
import { freePorts, locate } from '../support/services.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';

const isRoot = process.getuid?.() === 0;
const found = locate(
  'redis-server',
  'redis-cli',
  'nginx',
  'curl',
  'initdb',
  'postgres',
  'psql',
  'pg_isready',
);

/** What a client that waits for them may take: less than what a client may take at all. */
const LONG = `${1.75 * WAIT_LIMIT_MS}ms`;

/** An argv list for a unit file: a shell runs the script, and unitd leaves its dollars alone. */
function shell(script: string): string {
  return JSON.stringify(['/bin/sh', '-c', script.replaceAll('$', '$$$$')]);
}

/** Asks until the service answers, at most 30 s long. */
function answers(question: string): string {
  return shell(`n=0; until ${question}; do n=$((n+1)); [ $n -lt 300 ] || exit 1; sleep 0.1; done`);
}

/** A directory that a service of this user may write in. */
function dataDirectory(t: TestContext, user: string): string {
  const path = join(temporaryDirectory(t), 'data');
  mkdirSync(path, { mode: 0o700 });
  if (isRoot) chownSync(path, ...idsOf(user));
  return path;
}

function asUser(user: string): string {
  return isRoot ? `user: ${user}` : '';
}

interface Services {
  readonly files: Readonly<Record<string, string>>;
  /** A file with further lines. */
  with(unit: 'redis' | 'postgres' | 'nginx', lines: string): string;
}

function services(t: TestContext, ports: readonly number[], channel: string): Services {
  const [redisPort, postgresPort, nginxPort] = ports;
  const redis = dataDirectory(t, 'redis');
  const postgres = dataDirectory(t, 'postgres');
  const cluster = join(postgres, 'cluster');
  const web = temporaryDirectory(t);
  chmodSync(web, 0o755);
  writeFileSync(join(web, 'index.html'), 'hello from nginx\n');
  writeFileSync(
    join(web, 'nginx.conf'),
    `daemon off; worker_processes 2; pid ${web}/nginx.pid; error_log stderr;
     events { worker_connections 64; }
     http {
       access_log off;
       ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${web}/${name};`).join(' ')}
       server { listen 127.0.0.1:${nginxPort}; root ${web}; }
     }`,
  );
  const cli = `${found.path('redis-cli')} -p ${redisPort}`;
  const sql = `${found.path('psql')} -h 127.0.0.1 -p ${postgresPort} -U app -d postgres -qAt`;
  const page = `${found.path('curl')} -sf http://127.0.0.1:${nginxPort}/`;
  const files = {
    'redis.yaml': `
      description: Cache
      ${asUser('redis')}
      command: [${found.path('redis-server')}, --port, "${redisPort}", --bind, 127.0.0.1, --dir, "${redis}", --save, "", --appendonly, "yes", --appendfsync, always]
      startPost: [${answers(`${cli} ping | grep -q PONG`)}]
      restart: { delay: 0s }
    `,
    'initdb.yaml': `
      description: Makes the database cluster, once
      type: oneshot
      ${asUser('postgres')}
      environment: { LC_ALL: C }
      command: ${shell(`[ -s ${cluster}/PG_VERSION ] || exec ${found.path('initdb')} -D ${cluster} -A trust -U app --no-sync`)}
    `,
    'postgres.yaml': `
      description: Database
      requires: [initdb]
      ${asUser('postgres')}
      environment: { LC_ALL: C }
      command: [${found.path('postgres')}, -D, "${cluster}", -p, "${postgresPort}", -c, listen_addresses=127.0.0.1, -c, "unix_socket_directories="]
      startPost: [${answers(`${found.path('pg_isready')} -q -h 127.0.0.1 -p ${postgresPort} -U app -d postgres`)}]
      stop: { signal: INT, timeout: 30s }
      restart: { delay: 0s }
    `,
    'nginx.yaml': `
      description: Front end
      command: [${found.path('nginx')}, -p, "${web}", -e, stderr, -c, "${web}/nginx.conf"]
      startPost: [${answers(`${page} >/dev/null`)}]
      stop: { signal: QUIT }
      restart: { delay: 0s }
    `,
    // Says "rows-N visits-N PID": how many rows and visits there are with this one.
    'client.yaml': `
      description: Writes and reads through all three
      requires: [redis, postgres, nginx]
      command: ${shell(
        `set -e; visits=$(${cli} incr visits); ` +
          `rows=$(${sql} -c 'create table if not exists visit (at timestamptz default now())' -c 'insert into visit default values' -c 'select count(*) from visit'); ` +
          `page=$(${page}); echo "rows $rows, visits $visits, page: $page"; ` +
          `echo "rows-$rows-visits-$visits $$" >${channel}; exec sleep infinity`,
      )}
      restart: { policy: "no" }
    `,
  };
  return {
    files,
    with: (unit, lines) => `${files[`${unit}.yaml`]}\n      ${lines}\n`,
  };
}

async function pidOf(unitd: Unitd, unit: string): Promise<number> {
  const { pid, reason } = (await unitd.unit(unit)).unit;
  assert(pid !== null, `${unit} runs: ${reason}`);
  return pid;
}

async function reloadWith(unitd: Unitd, file: string, text: string): Promise<void> {
  unitd.write(file, text);
  const ran = await unitd.cli('reload', '--timeout', LONG);
  assert.equal(ran.code, 0, ran.stderr);
}

test(
  'redis, nginx and PostgreSQL: reload, kill, restart and stop, with their data intact',
  { skip: found.skip },
  async (t) => {
    const channel = openChannel(t);
    const set = services(t, await freePorts(3), channel.path);
    const unitd = await startUnitd(t, set.files);
    let visit = 0;
    const visited = async (): Promise<void> => {
      visit += 1;
      await channel.next(`rows-${visit}-visits-${visit}`);
    };
    const ready = await unitd.cli('wait', 'client', '--timeout', LONG);
    assert.equal(ready.code, 0, ready.stderr + unitd.said.join('\n'));
    await visited();
    await unitd.untilLog('client', 'page: hello from nginx');
    assert((await unitd.unit('postgres')).processes.length > 3, 'the tree of PostgreSQL');
    if (isRoot) {
      const { effective } = await unitd.unit('postgres');
      assert.equal(effective['user'], 'postgres');
    }

    const client = await pidOf(unitd, 'client');
    const inPlace = {
      redis: 'logs: { maxSize: 1MB }',
      postgres: 'documentation: [https://www.postgresql.org/docs/]',
      nginx: 'successExitStatus: [3]',
    } as const;
    for (const unit of ['redis', 'postgres', 'nginx'] as const) {
      const before = await pidOf(unitd, unit);
      await reloadWith(unitd, `${unit}.yaml`, set.with(unit, inPlace[unit]));
      assert.equal(await pidOf(unitd, unit), before, `${unit} stays`);
    }
    assert.equal(await pidOf(unitd, 'client'), client);

    for (const unit of ['redis', 'postgres', 'nginx'] as const) {
      const before = await pidOf(unitd, unit);
      await reloadWith(unitd, `${unit}.yaml`, set.with(unit, 'umask: "0077"'));
      assert.notEqual(await pidOf(unitd, unit), before, `${unit} is new`);
      await visited(); // The client requires it: it went with it, and finds what it wrote.
    }

    for (const unit of ['redis', 'postgres', 'nginx'] as const) {
      const before = await pidOf(unitd, unit);
      process.kill(before, 'SIGKILL');
      await unitd.until((look) => look(unit)?.to === 'running' && look(unit)?.pid !== before);
      const { lastExit, restarts } = (await unitd.unit(unit)).unit;
      assert.deepEqual([unit, lastExit?.signal, restarts], [unit, 'SIGKILL', 1]);
    }
    assert.equal((await unitd.cli('restart', 'client')).code, 0);
    await visited();

    for (const unit of ['redis', 'postgres', 'nginx']) {
      const before = await pidOf(unitd, unit);
      const ran = await unitd.cli('restart', unit, '--timeout', LONG);
      assert.equal(ran.code, 0, ran.stderr);
      assert.notEqual(await pidOf(unitd, unit), before);
      await visited();
    }

    await unitd.stop();
    const order = unitd.said
      .map((line): Record<string, unknown> => JSON.parse(line))
      .slice(-100)
      .filter(({ event, message }) => event === 'state' && message === 'stopped: the daemon is stopping')
      .map(({ unit }) => String(unit));
    assert.equal(order[0], 'client', `stopped in order: ${order.join(', ')}`);
    assert.deepEqual(order.toSorted(), ['client', 'initdb', 'nginx', 'postgres', 'redis']);
    assert(order.indexOf('initdb') > order.indexOf('postgres'), order.join(', '));
    assert.match(unitd.log('postgres'), /database system is shut down\n$/, 'it was let finish');

    await unitd.start();
    const again = await unitd.cli('wait', 'client', '--timeout', LONG);
    assert.equal(again.code, 0, again.stderr);
    await visited();
  },
);
