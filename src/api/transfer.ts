// Bytes of one HTTP exchange: the body in, up to a limit, and the reply out, as fast as the client takes it.
import { STATUS_CODES } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { Steps } from '../core/steps.ts';
import { inSlices } from '../daemon/slices.ts';
import { problemReply, refusal } from './exchange.ts';
import type { Reply } from './exchange.ts';
import { printing } from './printing.ts';
import type { ProblemDetails } from '../wire/v1.ts';

export const BODY_BYTES = 64 * 1024;
/** Of a body that is too large, this much is read and thrown away, so that its sender gets to read the refusal. */
const DISCARDED_BYTES = 1024 * 1024;
const BATCH_CHARACTERS = 64 * 1024;

/** Or why there is none: it is too large. Rejects when the client goes away in the middle. */
export async function receivedBody(request: IncomingMessage): Promise<Uint8Array | ProblemDetails> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  if (Number(request.headers['content-length'] ?? 0) > DISCARDED_BYTES) return bodyTooLarge();
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('the body of a request came as text');
    bytes += chunk.length;
    if (bytes > DISCARDED_BYTES) break;
    if (bytes <= BODY_BYTES) chunks.push(chunk);
  }
  return bytes <= BODY_BYTES ? Buffer.concat(chunks) : bodyTooLarge();
}

function bodyTooLarge(): ProblemDetails {
  const detail = `cannot read the body: larger than ${BODY_BYTES} bytes, expected at most that`;
  return refusal(413, 'body-too-large', 'Body too large', detail);
}

/** Resolves when the reply has been handed to the socket, or the client is gone. */
export async function sendReply(response: ServerResponse, reply: Reply): Promise<void> {
  response.setHeader('Cache-Control', 'no-store');
  if (reply.kind === 'stream') {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    // The headers say that it has begun: a client of events now knows that it misses nothing.
    response.flushHeaders();
    return sendPieces(response, reply.pieces);
  }
  if (reply.allow !== undefined) response.setHeader('Allow', reply.allow);
  if (reply.location !== undefined) response.setHeader('Location', reply.location);
  const body = await inSlices(bodyOf(reply.document));
  const length = body.reduce((bytes, piece) => bytes + piece.length, 0);
  response.writeHead(reply.status, { 'Content-Type': reply.contentType, 'Content-Length': length });
  for (const piece of body) response.write(piece);
  response.end();
}

function* bodyOf(document: unknown): Steps<readonly Buffer[]> {
  const body: Buffer[] = [];
  for (const piece of [...(yield* printing(document)), '\n']) {
    yield;
    body.push(Buffer.from(piece));
  }
  return body;
}

async function sendPieces(response: ServerResponse, pieces: AsyncIterable<string>): Promise<void> {
  let batch = '';
  let timer: NodeJS.Immediate | null = null;
  const flush = (): void => {
    if (timer !== null) clearImmediate(timer);
    timer = null;
    if (batch !== '' && !response.destroyed) response.write(batch);
    batch = '';
  };
  try {
    for await (const piece of pieces) {
      batch += piece;
      if (batch.length >= BATCH_CHARACTERS) {
        flush();
        // A log that is read from memory to a client as fast must not keep the loop from the units.
        await turnOfTheLoop();
      } else timer ??= setImmediate(flush);
      // Also after a hangup: what ends by itself then has few last words, and what does not is not to pile up here.
      if (response.writableNeedDrain && !response.destroyed) await drained(response);
      if (response.destroyed) break;
    }
  } finally {
    flush();
  }
  response.end();
}

/** Or its client is gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}

/** A whole response as text, for what is no request that node:http would give a response object for. */
export function rawResponse(error: ProblemDetails): string {
  const { status, contentType, document } = problemReply(error);
  const body = `${JSON.stringify(document)}\n`;
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? error.title}`,
    'Connection: close',
    `Content-Type: ${contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}
