// listen: what clients of every kind can and cannot do to the server, over a real socket.
import assert from 'node:assert/strict';
import { Agent, get } from 'node:http';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { atOnce } from '../../../src/core/steps.ts';
import { cleanUp } from '../../support/cleanup.ts';
import { fakeControl } from '../../support/fake-control.ts';
import { sampleUnit } from '../../support/sample-documents.ts';
import { fetched, rawClient, served } from './wire-tap.ts';

const STATUS = 'GET /v1/status HTTP/1.1\r\n\r\n';

test('listen: a document has its length, its type, and is not to be cached', async (t) => {
  const { path, control } = await served(t);
  const { status, headers, body } = await fetched(path, 'GET /v1/status');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['content-length'], String(Buffer.byteLength(body)));
  assert.equal(headers['cache-control'], 'no-store');
  assert.deepEqual(JSON.parse(body), atOnce(control.status()));
});

test('listen: the status of 2,000 units is one call of the daemon and arrives whole', async (t) => {
  const units = Array.from({ length: 2000 }, (_, index) => sampleUnit(`unit-${index}`));
  const { path, control } = await served(t, {}, fakeControl({ units }));
  const { body } = await fetched(path, 'GET /v1/status');
  assert.equal(JSON.parse(body).units.length, 2000);
  assert.deepEqual(control.calls, [{ method: 'status', arguments: [] }]);
});

test('listen: pipelined requests are answered in order on one connection', async (t) => {
  const { path } = await served(t);
  const client = await rawClient(t, path);
  client.socket.write(
    'GET /v1/units/web HTTP/1.1\r\n\r\nGET /v1/nope HTTP/1.1\r\n\r\n' +
      'POST /v1/units/db/stop HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET /v1/plan HTTP/1.1\r\nConnection: close\r\n\r\n',
  );
  const text = await client.closed;
  assert.deepEqual(
    [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status),
    ['200', '404', '200', '200'],
  );
  assert.deepEqual(
    [...text.matchAll(/"verb":"stop"|"effective":|no-such-path|"unchanged":/g)].map(([word]) => word),
    ['"effective":', 'no-such-path', '"verb":"stop"', '"unchanged":'],
  );
});

test('listen: of requests that are pipelined by the thousand, a few are looked at before their answers are read', async (t) => {
  const { path, control } = await served(t);
  const client = await rawClient(t, path);
  client.socket.write('GET /v1/status HTTP/1.1\r\n\r\n'.repeat(2000) + 'GET /v1/status HTTP/1.0\r\n\r\n');
  const text = await client.closed;
  const statuses = [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status);
  assert.equal(statuses.length, 2001);
  assert.deepEqual(statuses.slice(0, 17), [...Array.from({ length: 16 }, () => '200'), '503']);
  assert(control.calls.length < 1000, `${control.calls.length} of them were looked at`);
});

test('listen: an expectation that is not known does not keep a request from its answer', async (t) => {
  const { path } = await served(t);
  const client = await rawClient(t, path);
  client.socket.write('GET /v1/units/web HTTP/1.1\r\nExpect: tea\r\nConnection: close\r\n\r\n');
  assert.match(await client.closed, /^HTTP\/1\.1 200 [^]*"effective":/);
});

test('listen: bytes that are no HTTP get 400 and the door; the server goes on', async (t) => {
  const { path, bugs } = await served(t);
  for (const bytes of [
    '\u0016\u0003\u0001\u0002\u0000',
    'hello\r\n\r\n',
    'GET /v1/status HTTP/9.9\r\n\r\n',
    '\r\n\r\n{"a":1}',
  ]) {
    const client = await rawClient(t, path);
    client.socket.write(bytes);
    const text = await client.closed;
    assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/, JSON.stringify(bytes));
    assert.match(text, /"type":"tag:unitd,2026:malformed-request"/);
  }
  assert.equal((await fetched(path, 'GET /v1/status')).status, 200);
  assert.deepEqual(bugs, []);
});

test('listen: a body that is no HTTP gets 400, once, and does nothing; also one that ends too early', async (t) => {
  const { path, control, bugs } = await served(t);
  const head = 'POST /v1/units/web/stop HTTP/1.1\r\n';
  for (const [body, isEnded] of [
    ['Transfer-Encoding: chunked\r\n\r\nzz\r\n', false],
    ['Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n', false],
    ['Content-Length: 20\r\n\r\n{"wait"', true],
  ] as const) {
    const client = await rawClient(t, path);
    if (isEnded) client.socket.end(head + body);
    else client.socket.write(head + body);
    const text = await client.closed;
    assert.match(text, /^HTTP\/1\.1 400 .*malformed-request/s, body);
    assert.equal(text.match(/^HTTP\/1\.1 /gm)?.length, 1);
  }
  assert.deepEqual(control.calls, []);
  assert.deepEqual(bugs, []);
});

test('listen: what is no request costs those before it on the connection no answer', async (t) => {
  const { path, control } = await served(t, { requestTimeoutMs: 200 });
  const stop = 'POST /v1/units/db/stop HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}';
  for (const [requests, statuses, code] of [
    [`${STATUS}GARBAGE\r\n\r\n`, ['200', '400'], 'malformed-request'],
    [`${STATUS}${stop}GARBAGE\r\n\r\n`, ['200', '200', '400'], 'malformed-request'],
    [`${stop}GET /v1/st`, ['200', '408'], 'request-timeout'],
    [`${STATUS}${stop.slice(0, -1)}`, ['200', '408'], 'request-timeout'],
    [
      `${stop}POST /v1/reload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      ['200', '400'],
      'malformed-request',
    ],
  ] as const) {
    const client = await rawClient(t, path);
    client.socket.write(requests);
    const text = await client.closed;
    assert.deepEqual(
      [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status),
      statuses,
      requests,
    );
    assert.ok(text.includes(code), requests);
  }
  assert.equal(control.calls.filter(({ method }) => method === 'reload').length, 0);
});

test('listen: a wait and a stream go on before half a request and garbage, and end when the client goes', async (t) => {
  const { path, control } = await served(t, { requestTimeoutMs: 200 });
  for (const behind of ['GET /v1/st', 'GARBAGE\r\n\r\n']) {
    const [client, late] = [await rawClient(t, path), await rawClient(t, path)];
    client.socket.write(`GET /v1/events HTTP/1.1\r\n\r\n${behind}`);
    await client.until(/\r\n\r\n/);
    // Dropped at the end of the time, which is the stream's too.
    late.socket.write('GET /');
    await late.closed;
    client.socket.write('MORE\r\n\r\n');
    control.emit({ type: 'daemon', phase: 'ready' });
    await client.until(/"phase":"ready"/);
    assert.equal(control.openSubscriptions(), 1);
    client.socket.destroy();
    while (control.openSubscriptions() > 0) await nextTurn();
  }
});

test('listen: a head over 16 KiB gets 431', async (t) => {
  const { path } = await served(t);
  const client = await rawClient(t, path);
  client.socket.write(`GET /v1/status HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
  assert.match(await client.closed, /^HTTP\/1\.1 431 .*head-too-large/s);
});

test('listen: half a head, half a body and silence get 408 after the time for a request', async (t) => {
  const { path, bugs, control } = await served(t, { requestTimeoutMs: 200 });
  for (const half of ['', 'GET /v1/sta', 'GET /v1/status HTTP/1.1\r\nX: ']) {
    const client = await rawClient(t, path);
    client.socket.write(half);
    assert.match(await client.closed, /^HTTP\/1\.1 408 .*request-timeout/s, JSON.stringify(half));
  }
  for (const half of ['Content-Length: 100\r\n\r\n{"wait":', 'Transfer-Encoding: chunked\r\n\r\n2\r\n{']) {
    const client = await rawClient(t, path);
    client.socket.write(`POST /v1/units/web/stop HTTP/1.1\r\n${half}`);
    const text = await client.closed;
    assert.match(text, /^HTTP\/1\.1 408 .*request-timeout/s, half);
    assert.equal(text.match(/^HTTP\/1\.1 /gm)?.length, 1);
  }
  assert.deepEqual(control.calls, []);
  assert.deepEqual(bugs, []);
});

test('listen: the time for a request does not bound its answer', async (t) => {
  const { path, control } = await served(t, { requestTimeoutMs: 200 });
  const [stream, late] = [await rawClient(t, path), await rawClient(t, path)];
  stream.socket.write('GET /v1/events HTTP/1.1\r\n\r\n');
  await stream.until(/\r\n\r\n/);
  // Dropped at the end of the time, while the stream stays.
  late.socket.write('GET /');
  await late.closed;
  control.emit({ type: 'daemon', phase: 'ready' });
  await stream.until(/"phase":"ready"/);
});

test('listen: a body of 64 KiB is read, a larger one gets 413 with known and with unknown length', async (t) => {
  const { path, control } = await served(t);
  const padded = (bytes: number): string => '{}'.padEnd(bytes, ' ');
  assert.equal((await fetched(path, 'POST /v1/units/web/stop', padded(65_536))).status, 200);
  for (const bytes of [65_537, 1_000_000]) {
    const { status, body } = await fetched(path, 'POST /v1/units/web/stop', padded(bytes));
    assert.equal(status, 413);
    assert.match(body, /body-too-large/);
  }
  const known = await rawClient(t, path);
  known.socket.write('POST /v1/reload HTTP/1.1\r\nContent-Length: 5000000000\r\n\r\n{');
  assert.match(await known.closed, /^HTTP\/1\.1 413 /);
  const chunked = await rawClient(t, path);
  chunked.socket.write('POST /v1/reload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n');
  const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`;
  for (let sent = 0; sent <= 70; sent += 1) chunked.socket.write(chunk);
  assert.match(await chunked.closed, /^HTTP\/1\.1 413 /);
  assert.deepEqual(control.calls.length, 1);
});

test('listen: 300 idle connections do not keep one that works from its answer', async (t) => {
  const { path } = await served(t);
  const idle = await Promise.all(Array.from({ length: 300 }, () => rawClient(t, path)));
  assert.equal((await fetched(path, 'GET /v1/status')).status, 200);
  assert.ok(idle.every(({ socket }) => !socket.destroyed));
});

test('listen: past the limit the connection that was idle longest makes room', async (t) => {
  const { path } = await served(t, { maxConnections: 3 });
  const first = await rawClient(t, path);
  const second = await rawClient(t, path);
  const third = await rawClient(t, path);
  // The first has been active since, so the second is the one that was idle longest.
  first.socket.write(STATUS);
  await first.until(/"units"/);
  const fourth = await rawClient(t, path);
  assert.equal(await second.closed, '');
  for (const client of [first, third, fourth]) {
    client.socket.write('GET /v1/plan HTTP/1.1\r\n\r\n');
    await client.until(/"unchanged"/);
  }
});

test('listen: when every connection is at work a new one gets 503, and its request does nothing', async (t) => {
  const { path, control } = await served(t, { maxConnections: 2 });
  for (const client of [await rawClient(t, path), await rawClient(t, path)]) {
    client.socket.write('GET /v1/events HTTP/1.1\r\n\r\n');
    await client.until(/\r\n\r\n/);
  }
  const refused = await rawClient(t, path);
  refused.socket.write('POST /v1/units/web/stop HTTP/1.1\r\nContent-Length: 0\r\n\r\n');
  assert.match(await refused.closed, /^HTTP\/1\.1 503 .*tag:unitd,2026:busy/s);
  assert.deepEqual(
    control.calls.map(({ method }) => method),
    ['events', 'events'],
  );
});

test('listen: a client that there is no room for is not cut off before it has sent its request', async (t) => {
  const { path } = await served(t, { maxConnections: 1, refusedGraceMs: 600_000 });
  const events = await rawClient(t, path);
  events.socket.write('GET /v1/events HTTP/1.1\r\n\r\n');
  await events.until(/\r\n\r\n/);
  const refused = connect({ path, allowHalfOpen: true });
  cleanUp(t, () => void refused.destroy());
  const errors: Error[] = [];
  refused.on('error', (error) => void errors.push(error));
  let text = '';
  refused.on('data', (chunk) => void (text += chunk.toString()));
  await once(refused, 'end');
  refused.end(STATUS);
  await once(refused, 'close');
  assert.deepEqual(errors, []);
  assert.match(text, /^HTTP\/1\.1 503 .*tag:unitd,2026:busy/s);
});

test('listen: an idle connection is closed after the idle time', async (t) => {
  const { path } = await served(t, { idleTimeoutMs: 10 });
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const request = get({ socketPath: path, path: '/v1/status', agent });
  const [response] = await once(request, 'response');
  response.resume();
  await once(request, 'close');
  const { socket } = request;
  assert.ok(socket !== null);
  if (!socket.destroyed) await once(socket, 'close');
});

test('HEAD: the head of what GET is answered and no body, also of a stream, which holds nothing then', async (t) => {
  const { path, control, bugs } = await served(t);
  for (const target of ['/v1/status', '/v1/units/web', '/v1/units/nope']) {
    const [head, whole] = [await fetched(path, `HEAD ${target}`), await fetched(path, `GET ${target}`)];
    const told = ({ status, headers }: typeof head): unknown => [
      status,
      headers['content-type'],
      headers['content-length'],
    ];
    assert.deepEqual([told(head), head.body], [told(whole), ''], target);
  }
  for (const target of ['/v1/events', '/v1/units/web/logs?follow=1']) {
    const { status, headers, body } = await fetched(path, `HEAD ${target}`);
    assert.deepEqual([status, headers['content-type'], body], [200, 'application/x-ndjson', ''], target);
  }
  assert.deepEqual([control.openSubscriptions(), control.openLogReaders()], [0, 0]);
  assert.deepEqual(bugs, []);
});
