// The client of the control socket. Every failure is a value; what crosses is parsed here and trusted inside.
//
// A daemon that is replaced by another version cuts its connections. A request that got no word of an answer was not
// looked at, and is sent again; an operation that is under way is asked for where the daemon said. A daemon that has
// ended refuses the second connection, and the failure is told.
import type { OperationDocument, OperationLine, ProblemDetails } from '../wire/v1.ts';
import { requestDocument } from './document-request.ts';
import type { DocumentAnswer } from './document-request.ts';
import type { Failure, Reply } from './failure.ts';
import type { StreamRequest } from './stream-request.ts';

export type ProgressLine = Extract<OperationLine, { type: 'progress' }>;

export interface Client {
  readonly socket: string;
  /** The JSON document at `path`; `signal` gives the wait for it up. */
  get<T>(path: string, signal?: AbortSignal): Promise<Reply<T>>;
  /** Does what `path` names; `progress` is called for each state change until the answer. */
  post(
    path: string,
    body: object,
    progress: (line: ProgressLine) => void,
    signal: AbortSignal,
  ): Promise<Reply<OperationDocument>>;
  /** The document that a POST is answered with at once. */
  ask<T>(path: string, body: object, signal: AbortSignal): Promise<Reply<T>>;
  /** Each line of the stream at `path`, until it ends or `signal`; `complete`: it was not cut off. */
  stream<T>(
    path: string,
    line: (value: T) => void,
    signal: AbortSignal,
  ): Promise<Reply<{ readonly complete: boolean }>>;
}

/** Of one request, where no answer begins. */
const MOST_TRIES = 4;

function wasNotLookedAt(answer: DocumentAnswer): boolean {
  if (answer.kind === 'unreachable') return wasCut(answer.errno);
  return answer.kind === 'cut-off' && answer.isEmpty;
}

/** Connected, and then cut: what nobody listens to any more is refused instead. */
function wasCut(errno: string | undefined): boolean {
  return errno === 'ECONNRESET' || errno === 'EPIPE';
}

type LastLine = Exclude<OperationLine, ProgressLine>;
const LAST_TYPES: readonly string[] = ['result', 'error', 'handed-over'] satisfies LastLine['type'][];

async function lastLine(
  socket: string,
  request: StreamRequest,
  progress: (line: ProgressLine) => void,
): Promise<{ readonly end: Reply<{ readonly complete: boolean }>; readonly last: LastLine | null }> {
  let last: LastLine | null = null;
  const end = await lines(socket, request, (text) => {
    const line = parsed<OperationLine>(text);
    if (line?.type === 'progress') progress(line);
    else if (line !== null && LAST_TYPES.includes(line.type)) last = line;
  });
  return { end, last };
}

/** Of a unit without a name, which would be another path of the API, or none. */
const NAMELESS = /^\/v1\/units\/(?:\/|$)/;

async function nameless(): Promise<{ readonly ok: false; readonly failure: Failure }> {
  const { noSuchUnit } = await import('./failure.ts');
  return failed(noSuchUnit(''));
}

export function clientOf(socket: string): Client {
  return {
    socket,
    async get<T>(path: string, signal?: AbortSignal): Promise<Reply<T>> {
      if (NAMELESS.test(path)) return nameless();
      let answer = await requestDocument(socket, path, signal);
      for (let tries = 1; wasNotLookedAt(answer) && tries < MOST_TRIES; tries++) {
        answer = await requestDocument(socket, path, signal);
      }
      if (answer.kind === 'answer' && answer.status === 200) {
        const document = parsed<T>(answer.body);
        if (document !== null && isOurs(document)) return { ok: true, value: document };
      }
      const failures = await import('./failure.ts');
      switch (answer.kind) {
        case 'unreachable':
          return failed(failures.connectionFailure(socket, answer.errno));
        case 'cut-off':
          return failed(failures.connectionFailure(socket, 'ECONNRESET'));
        case 'not-http':
          return failed(failures.notUnderstood(socket, 'it does not speak HTTP'));
        case 'answer':
          return refused(socket, answer.status, answer.body);
      }
    },
    async post(path, body, progress, signal) {
      if (NAMELESS.test(path)) return nameless();
      const { connectionFailure, refusal } = await import('./failure.ts');
      let request: StreamRequest = { method: 'POST', path, body, signal };
      for (;;) {
        const { end, last } = await lastLine(socket, request, progress);
        if (!end.ok) return end;
        if (last === null) return failed(connectionFailure(socket, 'ECONNRESET'));
        if (last.type === 'result') return { ok: true, value: last.result };
        if (last.type === 'error') return failed(refusal(last.error));
        request = { method: 'GET', path: `/v1/operations/${last.operation}`, body: null, signal };
      }
    },
    async ask<T>(path: string, body: object, signal: AbortSignal): Promise<Reply<T>> {
      let text = '';
      const request = { method: 'POST', path, body, signal } as const;
      const end = await lines(socket, request, (line) => (text += line));
      if (!end.ok) return end;
      const { connectionFailure } = await import('./failure.ts');
      const document = parsed<T>(text);
      return document === null
        ? failed(connectionFailure(socket, 'ECONNRESET'))
        : { ok: true, value: document };
    },
    async stream<T>(path: string, line: (value: T) => void, signal: AbortSignal) {
      if (NAMELESS.test(path)) return nameless();
      return lines(socket, { method: 'GET', path, body: null, signal }, (text) => {
        const value = parsed<T>(text);
        if (value !== null) line(value);
      });
    },
  };
}

async function lines(
  socket: string,
  request: StreamRequest,
  line: (text: string) => void,
): Promise<Reply<{ readonly complete: boolean }>> {
  const { requestLines } = await import('./stream-request.ts');
  let end = await requestLines(socket, request, line);
  for (let tries = 1; end.kind === 'unreachable' && wasCut(end.errno) && tries < MOST_TRIES; tries++) {
    if (request.signal.aborted) break;
    end = await requestLines(socket, request, line);
  }
  if (end.kind === 'ended') return { ok: true, value: { complete: end.complete } };
  if (end.kind === 'refused') return refused(socket, end.status, end.body);
  const { connectionFailure } = await import('./failure.ts');
  return failed(connectionFailure(socket, end.errno));
}

function failed(failure: Failure): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure };
}

async function refused(
  socket: string,
  status: number,
  body: string,
): Promise<{ readonly ok: false; readonly failure: Failure }> {
  const { notUnderstood, refusal } = await import('./failure.ts');
  const details = parsed<ProblemDetails>(body);
  if (typeof details?.detail === 'string') return failed(refusal({ ...details, status }));
  return failed(notUnderstood(socket, `it answered with HTTP status ${status} and no document`));
}

/** What else speaks HTTP on a socket may answer with JSON too. */
function isOurs(document: unknown): boolean {
  return typeof document === 'object' && document !== null && 'apiVersion' in document;
}

/** null for what is not JSON, as for a JSON null. */
function parsed<T>(text: string): T | null {
  try {
    const value: T | null = JSON.parse(text);
    return value;
  } catch {
    return null;
  }
}
