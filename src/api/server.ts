// The control socket: HTTP/1.1 on a Unix socket, with limits that keep any client from harming supervision.
// What is answered stands in routes.ts.
import { lstatSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Served, ServeOptions } from '../daemon/serving.ts';
import { renewAcceptSpare } from '../os/accept-spare.ts';
import { heldThroughExec } from '../os/replace.ts';
import type { ProblemDetails } from '../wire/v1.ts';
import { connections, MOST_AT_ONCE } from './connections.ts';
import type { Connections, Exchange } from './connections.ts';
import { problemReply, refusal } from './exchange.ts';
import type { ApiContext } from './exchange.ts';
import { replyTo } from './routes.ts';
import { rawResponse, receivedBody, sendReply } from './transfer.ts';

export interface ListenOptions extends ServeOptions {
  readonly limits?: Partial<Limits>;
}

export interface Limits {
  readonly maxConnections: number;
  /** For the whole request to arrive, not for its answer. */
  readonly requestTimeoutMs: number;
  /** Until an idle connection is closed. */
  readonly idleTimeoutMs: number;
  /** What a stream keeps for a client that does not read. */
  readonly queueBytes: number;
  /** For clients to take what was said to them before the server closes. */
  readonly closeGraceMs: number;
  /** For a client that there is no room for to send its request. */
  readonly refusedGraceMs: number;
}

const LIMITS: Limits = {
  maxConnections: 512,
  requestTimeoutMs: 10_000,
  idleTimeoutMs: 5_000,
  queueBytes: 1024 * 1024,
  closeGraceMs: 500,
  refusedGraceMs: 250,
};

/** More are not waited for: each takes a descriptor. */
const MOST_REFUSED = 32;

/** The share of time in which a loop that cannot accept works, and others hardly ever. */
const BUSY = 0.9;

/** The caller owns the server and must close it. */
export async function listen(options: ListenOptions): Promise<Served> {
  const limits = { ...LIMITS, ...options.limits };
  const clients = connections(limits.maxConnections, turnAway);
  const refused = new Set<Socket>();
  // Closed before it has sent its request, a client would take that for the daemon's end, and not read why it was.
  const turnAwayBusy = (socket: Socket): void => {
    if (refused.size >= MOST_REFUSED) return turnAway(socket, busy(limits.maxConnections));
    refused.add(socket);
    const timer = setTimeout(() => socket.destroy(), limits.refusedGraceMs);
    socket.once('close', () => {
      clearTimeout(timer);
      refused.delete(socket);
    });
    socket.end(rawResponse(busy(limits.maxConnections)));
  };
  const checkingMs = Math.ceil(limits.requestTimeoutMs / 5);
  const context: ApiContext = {
    control: options.control,
    onBug: options.onBug,
    wallMs: Date.now,
    queueBytes: limits.queueBytes,
  };
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const exchange = clients.begin(request.socket);
    // Refused before its request was read.
    if (exchange === null) request.socket.destroy();
    else void serve(request, response, exchange, context);
  };
  const server = createServer(
    {
      headersTimeout: limits.requestTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: checkingMs,
      keepAliveTimeout: limits.idleTimeoutMs,
      maxHeaderSize: 16 * 1024,
      // Whoever can open the socket is trusted, and `Host` says nothing on it.
      requireHostHeader: false,
    },
    answer,
  );
  // What is expected beside 100-continue is nothing to us; node would refuse it without a document.
  server.on('checkExpectation', answer);
  server.on('connection', (socket: Socket) => {
    if (!clients.admit(socket)) turnAwayBusy(socket);
  });
  server.on('clientError', (error, socket) => {
    if (socket instanceof Socket) clients.refuse(socket, malformed(error));
    else socket.destroy();
  });

  const { path, listenFd } = options;
  await new Promise<void>((resolve) => server.listen({ fd: listenFd }, resolve));
  server.on('error', options.onBug);
  const own = inodeAt(path);
  const guard = guardAccepting(checkingMs);
  const close = async (): Promise<void> => {
    clearInterval(guard);
    for (const socket of refused) socket.destroy();
    await closed(server, clients, limits.closeGraceMs);
  };
  return {
    close: async () => {
      try {
        // Another daemon's may be there, if the directory was replaced.
        if (inodeAt(path) === own) rmSync(path, { force: true });
      } catch {
        // A disk that refuses: nobody answers there any more, and the next daemon replaces it.
      }
      await close();
    },
    leave: async () => {
      const fd = heldThroughExec(listenFd);
      await close();
      return fd;
    },
  };
}

/** A loop that is never idle may be one that cannot accept whoever waits; see accept-spare.ts. */
function guardAccepting(everyMs: number): NodeJS.Timeout {
  let before = performance.eventLoopUtilization();
  const look = (): void => {
    const now = performance.eventLoopUtilization();
    if (performance.eventLoopUtilization(now, before).utilization > BUSY) renewAcceptSpare();
    before = now;
  };
  return setInterval(look, everyMs).unref();
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
  context: ApiContext,
): Promise<void> {
  // Errors of a response are those of its connection, which ends the exchange.
  response.on('error', () => {});
  response.once('close', () => exchange.end(response.writableFinished));
  try {
    const body =
      request.method === 'POST'
        ? await Promise.race([receivedBody(request), exchange.refused(() => request.complete)])
        : new Uint8Array();
    if (!(body instanceof Uint8Array)) {
      response.setHeader('Connection', 'close');
      return await sendReply(response, problemReply(body));
    }
    if (exchange.isTooMany) return await sendReply(response, problemReply(tooManyAtOnce()));
    const reply = await replyTo(
      {
        method: request.method ?? '',
        target: request.url ?? '',
        accept: request.headers.accept ?? '',
        origin: request.headers.origin ?? null,
        body,
        hangup: exchange.hangup,
      },
      context,
    );
    await sendReply(response, reply);
  } catch (error) {
    if (!exchange.hangup.aborted) context.onBug(error);
    // The reply may have begun: only an end before its time tells the client that it is not whole.
    request.socket.destroy();
  }
}

function inodeAt(path: string): string | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev}:${found.ino}`;
}

async function closed(server: Server, clients: Connections, graceMs: number): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  clients.hangUp();
  const grace = setTimeout(() => clients.destroy(), graceMs);
  await done;
  clearTimeout(grace);
}

function turnAway(socket: Socket, problem: ProblemDetails): void {
  socket.write(rawResponse(problem));
  socket.destroySoon();
}

function busy(maxConnections: number): ProblemDetails {
  const detail = `cannot take another connection: ${maxConnections} are in use, expected fewer`;
  return refusal(503, 'busy', 'Too many connections', detail);
}

function tooManyAtOnce(): ProblemDetails {
  const detail = `cannot take another request of this connection: ${MOST_AT_ONCE} are under way, expected fewer`;
  return refusal(503, 'busy', 'Too many requests at once', detail);
}

function malformed(error: Error): ProblemDetails {
  const code = 'code' in error ? error.code : null;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const detail = 'cannot read the request: it did not arrive whole in time';
    return refusal(408, 'request-timeout', 'Request timeout', detail);
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    const detail = 'cannot read the request: its head is too large, expected at most 16 KiB';
    return refusal(431, 'head-too-large', 'Request head too large', detail);
  }
  const detail = `cannot read the request: ${error.message.replace(/^Parse Error: /, '')}, expected HTTP/1.1`;
  return refusal(400, 'malformed-request', 'Malformed request', detail);
}
