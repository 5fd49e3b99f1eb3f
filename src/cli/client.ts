// The client of the control socket. Every failure is a value; what crosses is parsed here and trusted inside.
import type { OperationDocument, OperationLine, ProblemDetails } from '../wire/v1.ts';
import { requestDocument } from './document-request.ts';
import type { Failure, Reply } from './failure.ts';
import type { StreamRequest } from './stream-request.ts';

export type ProgressLine = Extract<OperationLine, { type: 'progress' }>;

export interface Client {
  readonly socket: string;
  /** The JSON document at `path`. */
  get<T>(path: string): Promise<Reply<T>>;
  /** Does what `path` names; `progress` is called for each state change until the answer. */
  post(
    path: string,
    body: object,
    progress: (line: ProgressLine) => void,
    signal: AbortSignal,
  ): Promise<Reply<OperationDocument>>;
  /** Each line of the stream at `path`, until it ends or `signal`; `complete`: it was not cut off. */
  stream<T>(
    path: string,
    line: (value: T) => void,
    signal: AbortSignal,
  ): Promise<Reply<{ readonly complete: boolean }>>;
}

export function clientOf(socket: string): Client {
  return {
    socket,
    async get<T>(path: string): Promise<Reply<T>> {
      const answer = await requestDocument(socket, path);
      if (answer.kind === 'answer' && answer.status === 200) {
        const document = parsed<T>(answer.body);
        if (document !== null) return { ok: true, value: document };
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
      let last: Exclude<OperationLine, ProgressLine> | null = null;
      const end = await lines(socket, { method: 'POST', path, body, signal }, (text) => {
        const line = parsed<OperationLine>(text);
        if (line?.type === 'progress') progress(line);
        else last = line;
      });
      if (!end.ok) return end;
      const { connectionFailure, refusal } = await import('./failure.ts');
      return answerOf(last) ?? failed(connectionFailure(socket, 'ECONNRESET'));

      function answerOf(line: Exclude<OperationLine, ProgressLine> | null): Reply<OperationDocument> | null {
        if (line === null) return null;
        return line.type === 'result' ? { ok: true, value: line.result } : failed(refusal(line.error));
      }
    },
    async stream<T>(path: string, line: (value: T) => void, signal: AbortSignal) {
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
  const end = await requestLines(socket, request, line);
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

/** null for what is not JSON, as for a JSON null. */
function parsed<T>(text: string): T | null {
  try {
    const value: T | null = JSON.parse(text);
    return value;
  } catch {
    return null;
  }
}
