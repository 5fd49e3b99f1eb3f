// A server on a socket in a temporary directory, and clients that may misbehave on it.
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ListenOptions } from '../../../src/api/server.ts';
import type { Served as Server } from '../../../src/daemon/serving.ts';
import { fakeControl } from '../../support/fake-control.ts';
import type { FakeControl } from '../../support/fake-control.ts';
import { serveControl } from '../../support/serve-control.ts';

interface Cleanup {
  after(done: () => Promise<void> | void): void;
}

export interface Served {
  readonly path: string;
  readonly control: FakeControl;
  readonly server: Server;
  readonly bugs: readonly unknown[];
}

export function temporaryDirectory(t: Cleanup): string {
  const directory = mkdtempSync(join(tmpdir(), 'unitd-api-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Closed, and its directory removed, when the test ends. */
export async function served(
  t: Cleanup,
  limits: NonNullable<ListenOptions['limits']> = {},
  control: FakeControl = fakeControl(),
  path = join(temporaryDirectory(t), 'unitd.sock'),
): Promise<Served> {
  const bugs: unknown[] = [];
  const server = await serveControl({ path, control, onBug: (bug) => void bugs.push(bug), limits });
  t.after(() => server.close());
  return { path, control, server, bugs };
}

export interface Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** One request by node:http, on a connection of its own. */
export function fetched(path: string, line: string, body = ''): Promise<Received> {
  const [method = '', target = ''] = line.split(' ');
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: path, method, path: target, agent: false }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export interface RawClient {
  readonly socket: Socket;
  /** All that has come so far matches; rejects if the connection ends before. */
  until(pattern: RegExp): Promise<string>;
  /** All that came, once the connection is closed. */
  readonly closed: Promise<string>;
}

/** Connected; destroyed when the test ends. */
export async function rawClient(t: Cleanup, path: string): Promise<RawClient> {
  const socket = connect({ path });
  t.after(() => void socket.destroy());
  let text = '';
  let isClosed = false;
  const checks = new Set<() => void>();
  const check = (): void => {
    for (const each of [...checks]) each();
  };
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
    check();
  });
  // A server that drops a client may do it with a reset; `close` follows either way.
  socket.on('error', () => {});
  const closed = new Promise<string>((resolve) => {
    socket.on('close', () => {
      isClosed = true;
      check();
      resolve(text);
    });
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  return {
    socket,
    closed,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (pattern.test(text)) resolve(text);
          else if (isClosed)
            reject(new Error(`closed before ${String(pattern)}, after ${JSON.stringify(text)}`));
          else return;
          checks.delete(look);
        };
        checks.add(look);
        look();
      }),
  };
}
