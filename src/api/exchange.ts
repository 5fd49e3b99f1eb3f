// What the API is asked and what it replies, as values: the seam between the routes and the socket.
import type { Answer, Control } from '../daemon/control.ts';
import type { ProblemDetails } from '../wire/v1.ts';

export interface ApiRequest {
  readonly method: string;
  /** Path and query as they stand in the request line. */
  readonly target: string;
  readonly accept: string;
  /** What a browser says of the page that asks; null from everything else. */
  readonly origin: string | null;
  readonly body: Uint8Array;
  /** Fires when the client is gone or the server closes: streams end, waits are cut short. */
  readonly hangup: AbortSignal;
}

export interface DocumentReply {
  readonly kind: 'document';
  readonly status: number;
  readonly contentType: 'application/json' | 'application/problem+json';
  /** Sent as JSON. */
  readonly document: unknown;
  /** The methods that the path knows, for a 405. */
  readonly allow?: string;
  /** Where to look instead, for a 303. */
  readonly location?: string;
}

export interface StreamReply {
  readonly kind: 'stream';
  /** Together, whole lines of NDJSON. It is read as fast as the client reads, and ends at `hangup`. */
  readonly pieces: AsyncIterable<string>;
}

export type Reply = DocumentReply | StreamReply;

/** What every route needs beside the request. */
export interface ApiContext {
  readonly control: Control;
  /** Told of what must not happen; the client learns only that it did. */
  readonly onBug: (error: unknown) => void;
  /** Milliseconds since the epoch. */
  readonly wallMs: () => number;
  /** How much a stream keeps for a client that does not read. */
  readonly queueBytes: number;
}

export type Route = (request: RoutedRequest, context: ApiContext) => Reply | Promise<Reply>;

/** A request whose path has been understood. */
export interface RoutedRequest extends ApiRequest {
  /** The `{name}` of the path, decoded; empty where the path has none. */
  readonly name: string;
  readonly query: URLSearchParams;
}

export function documentReply(document: unknown): DocumentReply {
  return { kind: 'document', status: 200, contentType: 'application/json', document };
}

export function problemReply(error: ProblemDetails): DocumentReply {
  return {
    kind: 'document',
    status: error.status,
    contentType: 'application/problem+json',
    document: error,
  };
}

export function replyOf(answer: Answer<unknown>): DocumentReply {
  return answer.ok ? documentReply(answer.value) : problemReply(answer.error);
}

/** The request failed before it came to the daemon. */
export function refusal(status: number, code: string, title: string, detail: string): ProblemDetails {
  return { type: `tag:unitd,2026:${code}`, title, status, detail };
}

export function internalError(): ProblemDetails {
  return refusal(
    500,
    'internal',
    'Internal error',
    'cannot answer the request: a bug in the daemon, its log says more',
  );
}
