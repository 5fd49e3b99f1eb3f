// What the daemon offers to its API: the one interface between them. Answers are wire values; a refusal is a
// value too. Nothing here throws for what a client did wrong.
import type {
  EventLine,
  GraphDocument,
  LogLine,
  OperationDocument,
  OperationLine,
  PlanDocument,
  ProblemDetails,
  ReloadRequest,
  StatusDocument,
  UnitDocument,
  UnitRequest,
  UnitVerb,
} from '../wire/v1.ts';

export type Answer<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ProblemDetails };

export interface LogQuery {
  readonly lines: number | null;
  /** Milliseconds since the epoch. */
  readonly sinceWall: number | null;
  readonly stream: 'stdout' | 'stderr' | null;
  readonly follow: boolean;
}

export interface EventQuery {
  /** Empty: all units. */
  readonly units: readonly string[];
  /** Empty: all types. */
  readonly types: readonly EventLine['type'][];
  /** Send a `state` line for each unit first. */
  readonly snapshot: boolean;
}

export interface Subscription {
  close(): void;
}

/** Told of each state change of the units an operation moves, until it answers. */
export type Progress = (line: Extract<OperationLine, { type: 'progress' }>) => void;

export interface Control {
  status(): StatusDocument;
  unit(name: string): Promise<Answer<UnitDocument>>;
  graph(): GraphDocument;
  plan(request: { readonly partial: boolean }): Promise<Answer<PlanDocument>>;
  /** `hangup` fires when the client is gone: the waiting ends, what was begun goes on. */
  reload(request: ReloadRequest, progress: Progress, hangup: AbortSignal): Promise<Answer<OperationDocument>>;
  operate(
    name: string,
    verb: UnitVerb,
    request: UnitRequest,
    progress: Progress,
    hangup: AbortSignal,
  ): Promise<Answer<OperationDocument>>;
  logs(name: string, query: LogQuery, hangup: AbortSignal): Answer<AsyncIterable<LogLine>>;
  /** `listener` is called in order and must not block; it ends with close(). */
  events(query: EventQuery, listener: (line: EventLine) => void): Answer<Subscription>;
}
