// requestDocument: one document over a bare socket, and when it is given up.
import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { requestDocument } from '../../../src/cli/document-request.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { cleanUp } from '../../support/cleanup.ts';

/** The path of a socket at which this is the answer to whatever is asked, and then the end of it, unless none `ends`. */
async function answering(t: TestContext, answer: string, ends = true): Promise<string> {
  const path = join(temporaryDirectory(t), 'socket');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      if (ends) socket.end(answer);
      else socket.write(answer);
    });
  });
  cleanUp(t, () => void server.close());
  await once(server.listen(path), 'listening');
  return path;
}

test('requestDocument: a signal that is for many requests keeps nothing of those that are over', async (t) => {
  const path = await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}');
  const { signal } = new AbortController();
  for (let count = 0; count < 20; count++) {
    assert.deepEqual(await requestDocument(path, '/', signal), { kind: 'answer', status: 200, body: '{}' });
  }
  assert.deepEqual(getEventListeners(signal, 'abort'), []);
});

test('requestDocument: the signal alone gives up whoever never answers, also where it came before', async (t) => {
  const path = await answering(t, '', false);
  const controller = new AbortController();
  const answer = requestDocument(path, '/', controller.signal, 1);
  assert.deepEqual(await requestDocument(path, '/', undefined, 2), {
    kind: 'unreachable',
    errno: 'ETIMEDOUT',
  });
  controller.abort();
  assert.deepEqual(await answer, { kind: 'unreachable', errno: undefined });
  assert.deepEqual(await requestDocument(path, '/', controller.signal), {
    kind: 'unreachable',
    errno: undefined,
  });
});

for (const begun of ['', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{']) {
  test(`requestDocument: gives up whoever is silent after ${JSON.stringify(begun)}`, async (t) => {
    const path = await answering(t, begun, false);
    const answer = await requestDocument(path, '/', undefined, 1);
    assert.deepEqual(answer, { kind: 'unreachable', errno: 'ETIMEDOUT' });
  });
}
