// A daemon over a set of stamping units, in directories of its own. Everything it starts ends with the scope.
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { OperationDocument } from '../../src/wire/v1.ts';
import { getJson } from '../support/json-request.ts';
import type { Following } from '../support/launch.ts';
import { follow } from '../support/launch.ts';
import { makePlace } from './place.ts';
import type { Scope } from './scope.ts';
import type { StampChannel, StampChild } from './stamps.ts';

/** Ten thousand files on a busy machine. */
const START_LIMIT_MS = 60_000;

export class BenchDaemon {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly socket: string;
  readonly channel: StampChannel;
  readonly child: StampChild;
  readonly #units: string;
  #running: Following | null = null;

  constructor(scope: Scope) {
    const { root, env, channel, child } = makePlace(scope);
    this.root = root;
    this.#units = join(this.root, 'units.d');
    mkdirSync(this.#units, { mode: 0o755 });
    this.socket = join(this.root, 'run/unitd.sock');
    this.env = {
      ...env,
      UNITD_UNITS: this.#units,
      UNITD_RUNTIME_DIR: join(this.root, 'run'),
      UNITD_STATE_DIR: join(this.root, 'state'),
      UNITD_LOG_DIR: join(this.root, 'log'),
    };
    this.channel = channel;
    this.child = child;
  }

  get pid(): number {
    if (this.#running === null) throw new Error('the daemon does not run');
    return this.#running.pid;
  }

  /** `variant` ends up in the child's environment: another one makes the unit restart. */
  write(unit: string, variant = '0', more: readonly string[] = []): void {
    const { program } = this.child;
    this.writeFile(
      `${unit}.yaml`,
      unitText([program, this.channel.path, unit], [`environment: { VARIANT: "${variant}" }`, ...more]),
    );
  }

  writeFile(file: string, text: string): void {
    writeFileSync(join(this.#units, file), text, { mode: 0o644 });
  }

  writeAll(count: number): void {
    for (let at = 0; at < count; at += 1) this.write(unitName(at));
  }

  /** Resolves when it says that it is ready; units may still be starting. */
  async start(): Promise<void> {
    const launch = { args: ['daemon'], env: this.env, cwd: this.root, asUser: undefined };
    this.#running = follow(launch, 'the daemon', 'stderr', START_LIMIT_MS);
    await this.#running.line('"event":"ready"');
  }

  /** Starts it over `count` units and waits until all of them run. */
  async startWith(count: number): Promise<void> {
    this.writeAll(count);
    const { mark } = this.channel;
    await this.start();
    await this.channel.stamps(count, mark);
    // The daemon may hear of its last child a moment after that child has spoken.
    await this.reload();
  }

  async reload(): Promise<OperationDocument> {
    return await postOperation(this.socket, '/v1/reload');
  }

  async get<T>(path: string): Promise<T> {
    return await getJson<T>(this.socket, path);
  }

  /** SIGTERM: all units down in order. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    const end = await running?.kill('SIGTERM');
    if (end?.code !== 0) throw new Error(`the daemon ended with ${end?.signal ?? `code ${end?.code}`}`);
  }
}

/** A unit that starts again at once. */
export function unitText(argv: readonly string[], more: readonly string[]): string {
  return [
    `command: [${argv.map((word) => JSON.stringify(word)).join(', ')}]`,
    ...more,
    'restart: { delay: 0s, jitter: 0 }',
    '',
  ].join('\n');
}

export function unitName(at: number): string {
  return `u${String(at).padStart(5, '0')}`;
}

async function postOperation(socketPath: string, path: string): Promise<OperationDocument> {
  const body = '{}';
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request({ socketPath, path, method: 'POST', headers, agent: false }, (response) => {
      let received = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
      response.on('error', reject).on('end', () => resolve(received));
    });
    sent.on('error', reject).end(body);
  });
  const document: OperationDocument = JSON.parse(text);
  if (!document.ok) throw new Error(`cannot post ${path}: ${text.slice(0, 500)}`);
  return document;
}
