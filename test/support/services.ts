// Where Debian's redis-server, nginx and PostgreSQL are, for end-to-end tests with real services; and free ports.
// `UNITD_TEST_SERVICES=required` (set by .ci/run) makes a missing one an error, so that CI never skips in silence.
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const POSTGRES = '/usr/lib/postgresql';

const NAMES = [
  'redis-server',
  'redis-cli',
  'nginx',
  'curl',
  'initdb',
  'postgres',
  'psql',
  'pg_isready',
] as const;
export type ServiceProgram = (typeof NAMES)[number];

export interface Located {
  /** A reason to skip the test, or false. */
  readonly skip: string | false;
  /** Absolute path of a program that was asked for. */
  path(name: ServiceProgram): string;
}

export function locate(...names: ServiceProgram[]): Located {
  const found = new Map(names.map((name) => [name, find(name)]));
  const missing = names.filter((name) => found.get(name) === undefined);
  if (missing.length > 0 && process.env['UNITD_TEST_SERVICES'] === 'required') {
    throw new Error(
      `cannot find ${missing.join(', ')}: the tests need Debian's packages redis-server, nginx, postgresql`,
    );
  }
  return {
    skip: missing.length === 0 ? false : `${missing.join(', ')} not installed`,
    path: (name) => {
      const path = found.get(name);
      if (path === undefined)
        throw new Error(`cannot find program "${name}": not installed, or not asked for`);
      return path;
    },
  };
}

/** TCP ports of 127.0.0.1 that nothing listened on a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listening));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function listening(): Promise<Server> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function find(name: ServiceProgram): string | undefined {
  // Debian keeps PostgreSQL's programs per version, out of PATH: the newest first.
  const versions = existsSync(POSTGRES) ? readdirSync(POSTGRES).sort((a, b) => Number(b) - Number(a)) : [];
  return [...FOLDERS, ...versions.map((version) => join(POSTGRES, version, 'bin'))]
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
