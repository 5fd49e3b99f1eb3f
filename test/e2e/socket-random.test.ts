// Whatever is sent to the control socket, each request has one answer that says what it means, no bug is found in the
// daemon's log, and the units are where the files and the operator's words want them. And a client that asks for very
// much and never reads costs nobody else anything.
//
// UNITD_TEST_REQUESTS makes it longer; a failure names the seed to play it again by.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import { UNIT_VERBS } from '../../src/wire/v1.ts';
import { child, openChannel } from '../support/child.ts';
import { cleanUp } from '../support/cleanup.ts';
import { WAIT_LIMIT_MS } from '../support/lines.ts';
import { startUnitd, type Unitd } from '../support/unitd.ts';
import { USERS } from '../support/users.ts';
import { schemaComplaints } from '../support/wire-schemas.ts';

const REQUESTS = Number(process.env['UNITD_TEST_REQUESTS'] ?? 300);

const FILES = {
  'web.yaml':
    'command: [sh, -c, "echo hello; exec sleep infinity"]\nrestart: { delay: 10ms, maxDelay: 10ms }',
  'needy.yaml': 'command: sleep infinity\nrequires: [web]\nrestart: { delay: 10ms, maxDelay: 10ms }',
  'job.yaml': 'type: oneshot\ncommand: "true"',
  'off.yaml': 'command: sleep infinity\nenabled: false',
} as const;

async function assertAllWell(unitd: Unitd, pid: number): Promise<void> {
  assert.equal(unitd.pid, pid);
  assert.equal((await unitd.cli('start', 'web', 'needy', 'job', 'off')).code, 0);
  await unitd.until({ web: 'running', needy: 'running', job: 'completed', off: 'running' });
  const owned = await Promise.all(
    ['web', 'needy', 'job', 'off'].map(async (name) => (await unitd.unit(name)).processes),
  );
  assert.deepEqual(
    new Set(unitd.processes().map((process) => process.pid)),
    new Set(owned.flat().map((process) => process.pid)),
  );
  await unitd.untilNoZombie();
  assert.doesNotMatch(unitd.said.join('\n'), /"event":"bug"/);
}

/** What comes back for these bytes until the other side closes; the rest of a request never comes. */
async function answerTo(path: string, bytes: Uint8Array): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    socket.setEncoding('latin1').on('data', (part: string) => (answer += part));
    // It may be cut off while it still writes.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    socket.setTimeout(WAIT_LIMIT_MS, () => reject(new Error('no answer, and no end')));
    socket.end(bytes);
  });
}

const beginnings = [
  '',
  'GET ',
  'GET /v1/status HTTP/1.1\r\n',
  'POST /v1/reload HTTP/1.1\r\nHost: x\r\n',
  '\r\n',
];

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  readonly lines: boolean;
}

const names = fc.constantFrom(
  'web',
  'needy',
  'job',
  'off',
  'nobody',
  '..',
  '%00',
  '%2e%2e%2f',
  'ü',
  'a'.repeat(300),
);
const body = fc.oneof(
  fc.constantFrom(
    null,
    '',
    '{}',
    '[]',
    'null',
    '{"wait":',
    '{"wait":"perhaps"}',
    '\u0000',
    '{"__proto__":{}}',
  ),
  fc
    .record(
      {
        wait: fc.constantFrom<unknown>(false, false, true, 1),
        timeoutMs: fc.constantFrom<unknown>(0, 1, 50, -1, 1e300, 'soon'),
        signal: fc.constantFrom<unknown>('HUP', 'SIGKILL', 'term', 'NOPE', '', 9),
        whom: fc.constantFrom<unknown>('main', 'all', 'nobody'),
        partial: fc.constantFrom<unknown>(true, false, 'yes'),
        dryRun: fc.constantFrom<unknown>(true, false, 0),
        plan: fc.constantFrom<unknown>('5f2c9b1d0a7e', '', {}),
      },
      { requiredKeys: [] },
    )
    .map((fields) => JSON.stringify(fields)),
  fc.json({ maxDepth: 2 }),
);
const query = fc
  .array(
    fc.tuple(
      fc.constantFrom('lines', 'since', 'stream', 'unit', 'type', 'snapshot', 'after', 'partial', 'x'),
      fc.constantFrom(
        '',
        '1',
        'all',
        '-1',
        '10m',
        'stdout',
        'web',
        'state',
        'true',
        '99999999999999999999',
        '%',
      ),
    ),
    { maxLength: 3 },
  )
  .map((pairs) => (pairs.length === 0 ? '' : `?${pairs.map((pair) => pair.join('=')).join('&')}`));
// Not the one that replaces the daemon: it has tests of its own.
const paths = fc.oneof(
  fc.constantFrom(
    '/v1/status',
    '/v1/units',
    '/v1/plan',
    '/v1/events',
    '/v1/reload',
    '/v1',
    '/',
    '*',
    '/v2/status',
  ),
  names.map((name) => `/v1/units/${name}`),
  names.map((name) => `/v1/units/${name}/logs`),
  names.map((name) => `/v1/operations/${name}`),
  fc
    .tuple(names, fc.constantFrom(...UNIT_VERBS, 'explode'))
    .map(([name, verb]) => `/v1/units/${name}/${verb}`),
);
const asked: fc.Arbitrary<Asked> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'POST', 'POST', 'POST', 'PUT', 'DELETE'),
  path: fc.tuple(paths, query).map((parts) => parts.join('')),
  body,
  lines: fc.boolean(),
});

/** Sends it and holds the answer against what is published of answers; a stream's first line is enough. */
async function assertAnswered(socketPath: string, { method, path, body: text, lines }: Asked): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const headers = {
      ...(lines ? { accept: 'application/x-ndjson' } : {}),
      ...(text === null ? {} : { 'content-length': Buffer.byteLength(text) }),
    };
    const sent = request({ socketPath, method, path, headers, agent: false }, (response) => {
      let answer = '';
      const isStream = response.headers['content-type'] === 'application/x-ndjson';
      const judge = (): void => {
        try {
          judgeAnswer(response.statusCode ?? 0, isStream, answer);
          resolve();
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      response.setEncoding('utf8').on('data', (part: string) => (answer += part));
      response.on('end', judge);
      // An event stream ends when its client goes.
      if (isStream && path.startsWith('/v1/events')) {
        response.on('error', () => undefined);
        sent.destroy();
        resolve();
      }
    });
    sent.on('error', reject);
    sent.setTimeout(WAIT_LIMIT_MS, () => reject(new Error('no answer')));
    sent.end(text ?? undefined);
  });
}

function judgeAnswer(status: number, isStream: boolean, answer: string): void {
  if (isStream) {
    for (const line of answer.split('\n').slice(0, -1)) JSON.parse(line);
    return;
  }
  const value: unknown = JSON.parse(answer);
  if (status === 200) return;
  assert.notEqual(status, 500, answer);
  assert.deepEqual(schemaComplaints('problem', value), [], answer);
  assert.match(answer, /"detail":"cannot .+(, expected |: )/);
}

for (const { as, skip, options } of USERS) {
  test(`as ${as}: random bytes to the socket`, { skip }, async (t) => {
    const unitd = await startUnitd(t, FILES, options);
    const { pid } = unitd;
    const bytes = fc.tuple(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 2000 }));
    await fc.assert(
      fc.asyncProperty(bytes, async ([beginning, rest]) => {
        const answer = await answerTo(unitd.socket, Buffer.concat([Buffer.from(beginning), rest]));
        assert.match(answer, /^(HTTP\/1\.1 (200|4\d\d) |$)/);
      }),
      { numRuns: REQUESTS },
    );
    await assertAllWell(unitd, pid);
  });

  test(`as ${as}: random requests to the socket`, { skip }, async (t) => {
    const unitd = await startUnitd(t, FILES, options);
    const { pid } = unitd;
    await fc.assert(
      fc.asyncProperty(asked, async (one) => await assertAnswered(unitd.socket, one)),
      { numRuns: REQUESTS },
    );
    await assertAllWell(unitd, pid);
  });
}

async function deafClient(t: TestContext, path: string, target: string): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect(path, () => {
      socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`, () => resolve());
    });
    cleanUp(t, () => void socket.destroy());
    socket.on('error', () => undefined);
    socket.pause();
  });
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

test('clients that never read, of a log that does not end and of all events, cost one queue each', async (t) => {
  const channel = openChannel(t);
  const unitd = await startUnitd(t, {
    'flood.yaml': `command: [sh, -c, 'yes "a line that nobody reads"']\nlogs: { maxSize: 1MB, maxFiles: 1, compress: false }`,
    'web.yaml': `command: ${child.announce} ${channel.path}\nrestart: { delay: 0s, factor: 1 }`,
  });
  await unitd.untilLog('flood', 'nobody');
  for (let count = 0; count < 20; count += 1) {
    await deafClient(t, unitd.socket, '/v1/units/flood/logs?follow=1&lines=all');
    await deafClient(t, unitd.socket, '/v1/events?snapshot=1');
  }
  const before = residentBytes(unitd.pid);
  for (let round = 0; round < 100; round += 1) {
    process.kill((await channel.next('up', round)).pid, 'SIGKILL');
  }
  await channel.next('up', 100);
  assert.equal((await unitd.cli('restart', 'web')).code, 0);
  assert.equal((await unitd.cli('logs', '-n', '1', 'flood')).stdout, 'a line that nobody reads\n');
  const { logs } = await unitd.unit('flood');
  assert.equal(logs.droppedLines, 0);
  const grownBytes = residentBytes(unitd.pid) - before;
  assert.ok(grownBytes < 64 * 1024 * 1024, `grown by ${grownBytes} bytes`);
});
