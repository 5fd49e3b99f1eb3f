// listen: streams, clients that do not read them or go away, and the end of the server, over a real socket.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import type { LogLine } from '../../../src/wire/v1.ts';
import { fakeControl, ok } from '../../support/fake-control.ts';
import { rawClient, served } from './wire-tap.ts';

const EVENTS = 'GET /v1/events HTTP/1.1\r\n\r\n';

/** Resolves once `happened` is true; the loop turns meanwhile. */
async function turnUntil(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise(setImmediate);
}

test('events: a client that never reads costs one queue, and learns how much it lost', async (t) => {
  const queueBytes = 64 * 1024;
  const { path, control } = await served(t, { queueBytes });
  const client = await rawClient(t, path);
  client.socket.write(EVENTS);
  await client.until(/\r\n\r\n/);
  client.socket.pause();
  const total = 20_000;
  const reason = 'x'.repeat(1000);
  for (let sent = 0; sent < total; sent += 1) {
    control.emit({ type: 'log', unit: 'web', problem: reason, droppedLines: sent });
    // Lets the server write what it can: what it cannot is then bounded by the queue, not by this loop.
    if (sent % 50 === 49) await new Promise(setImmediate);
  }
  client.socket.resume();
  const text = await client.until(/"type":"lost"/);
  const counts = [...text.matchAll(/"type":"lost","count":(\d+)/g)].map(([, count]) => Number(count));
  const kept = [...text.matchAll(/"type":"log"/g)].length;
  // The kernel's buffers hold some lines too, but nothing near the 20 MB that were sent.
  assert.ok(kept < 5_000, `${kept} lines were kept for a client that did not read`);
  assert.ok((counts[0] ?? 0) > total - 5_000);
  control.emit({ type: 'daemon', phase: 'ready' });
  await client.until(/"phase":"ready"/);
});

test('logs: a client that never reads holds the source back, and its hangup ends the source', async (t) => {
  let asked = 0;
  let ended = false;
  async function* endless(unit: string): AsyncGenerator<LogLine> {
    try {
      for (;;) {
        asked += 1;
        yield { unit, time: null, stream: null, text: 'x'.repeat(1000) };
      }
    } finally {
      ended = true;
    }
  }
  const { path, bugs } = await served(t, {}, { ...fakeControl(), logs: (name) => ok(endless(name)) });
  const client = await rawClient(t, path);
  client.socket.write('GET /v1/units/web/logs?follow=1 HTTP/1.1\r\n\r\n');
  await client.until(/\r\n\r\n/);
  client.socket.pause();
  for (let turn = 0; turn < 2_000; turn += 1) await new Promise(setImmediate);
  // Without back pressure it would be a batch of 64 kB a turn.
  assert.ok(asked < 4_000, `${asked} lines of 1 kB were read for a client that does not read`);
  client.socket.destroy();
  await turnUntil(() => ended);
  assert.deepEqual(bugs, []);
});

test('logs: a source that fails in the middle ends the connection without the end of the stream', async (t) => {
  const broken = new Error('disk on fire');
  async function* failing(unit: string): AsyncGenerator<LogLine> {
    yield { unit, time: null, stream: null, text: 'first' };
    throw broken;
  }
  const { path, bugs } = await served(t, {}, { ...fakeControl(), logs: (name) => ok(failing(name)) });
  const client = await rawClient(t, path);
  client.socket.write('GET /v1/units/web/logs HTTP/1.1\r\n\r\n');
  assert.doesNotMatch(await client.closed, /\r\n0\r\n\r\n$/);
  assert.deepEqual(bugs, [broken]);
});

test('hangup: a client of events that goes away is unsubscribed, also behind another answer', async (t) => {
  const { path, control } = await served(t);
  const client = await rawClient(t, path);
  client.socket.write(EVENTS + EVENTS);
  await turnUntil(() => control.openSubscriptions() === 2);
  client.socket.destroy();
  await turnUntil(() => control.openSubscriptions() === 0);
});

test('hangup: it reaches an operation that waits, as a document and as lines', async (t) => {
  let hungUp = 0;
  let begun = 0;
  const control = fakeControl({
    operate: (name, _verb, _request, progress, hangup) => {
      progress({ type: 'progress', unit: name, state: 'starting', reason: 'asked for' });
      begun += 1;
      return new Promise(() => hangup.addEventListener('abort', () => (hungUp += 1)));
    },
  });
  const { path } = await served(t, {}, control);
  const clients = [await rawClient(t, path), await rawClient(t, path)];
  for (const [index, client] of clients.entries()) {
    const accept = index === 0 ? '*/*' : 'application/x-ndjson';
    client.socket.write(
      `POST /v1/units/web/start HTTP/1.1\r\nAccept: ${accept}\r\nContent-Length: 0\r\n\r\n`,
    );
  }
  await turnUntil(() => begun === 2);
  for (const client of clients) client.socket.destroy();
  await turnUntil(() => hungUp === 2);
});

test('hangup: a client that shuts down its side alone has gone away, and is told nothing', async (t) => {
  let [begun, hungUp] = [false, false];
  const control = fakeControl({
    operate: (_name, _verb, _request, _progress, hangup) => {
      begun = true;
      return new Promise(() => hangup.addEventListener('abort', () => (hungUp = true)));
    },
  });
  const { path } = await served(t, {}, control);
  const client = await rawClient(t, path);
  client.socket.write('POST /v1/units/web/start HTTP/1.1\r\nContent-Length: 0\r\n\r\n');
  await turnUntil(() => begun);
  client.socket.end();
  await turnUntil(() => hungUp);
  assert.equal(await client.closed, '');
});

test('hangup: it does not fire while the client stays', async (t) => {
  const signals: AbortSignal[] = [];
  let answer = (): void => {};
  const control = fakeControl({
    reload: (_request, _progress, hangup) => {
      signals.push(hangup);
      return new Promise((resolve) => {
        answer = () =>
          resolve(
            ok({ apiVersion: 'unitd/v1', verb: 'reload', ok: true, units: [], plan: null, problems: [] }),
          );
      });
    },
  });
  const { path } = await served(t, {}, control);
  const client = await rawClient(t, path);
  client.socket.write('POST /v1/reload HTTP/1.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  await turnUntil(() => signals.length === 1);
  answer();
  assert.match(await client.closed, /"verb":"reload"/);
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [false],
  );
});

test('close: streams end as streams do, idle and half requests are dropped, the socket is gone', async (t) => {
  const { path, control, server } = await served(t, { closeGraceMs: 60_000 });
  const [events, logs, idle, half] = [
    await rawClient(t, path),
    await rawClient(t, path),
    await rawClient(t, path),
    await rawClient(t, path),
  ];
  events.socket.write(EVENTS);
  logs.socket.write('GET /v1/units/web/logs?follow=1&lines=0 HTTP/1.1\r\n\r\n');
  half.socket.write('GET /v1/sta');
  await events.until(/\r\n\r\n/);
  await logs.until(/\r\n\r\n/);
  control.emit({ type: 'daemon', phase: 'stopping' });
  await server.close();
  assert.match(await events.closed, /"phase":"stopping"\}\n\r\n0\r\n\r\n$/);
  assert.match(await logs.closed, /\r\n0\r\n\r\n$/);
  assert.equal(await idle.closed, '');
  await half.closed;
  assert.equal(existsSync(path), false);
  assert.equal(control.openSubscriptions() + control.openLogReaders(), 0);
});

test('close: a client that does not read is cut off after the grace time', async (t) => {
  const { path, control, server } = await served(t, { closeGraceMs: 10, queueBytes: 4 * 1024 * 1024 });
  const client = await rawClient(t, path);
  client.socket.write(EVENTS);
  await client.until(/\r\n\r\n/);
  client.socket.pause();
  for (let sent = 0; sent < 3_000; sent += 1) {
    control.emit({ type: 'log', unit: 'web', problem: 'x'.repeat(1000), droppedLines: sent });
  }
  await server.close();
  assert.equal(control.openSubscriptions(), 0);
});

test('close: twice is once', async (t) => {
  const { server } = await served(t);
  await Promise.all([server.close(), server.close()]);
  await server.close();
});
