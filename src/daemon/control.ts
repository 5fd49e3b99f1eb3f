// What the daemon offers to its API: the one interface between them. Answers are wire values; a refusal is a
// value too. Nothing here throws for what a client did wrong.
import type { Steps } from '../core/steps.ts';
import type {
  EventLine,
  GraphDocument,
  LogLine,
  OperationDocument,
  OperationLine,
  PlanDocument,
  ProblemDetails,
  ReexecDocument,
  ReloadRequest,
  StatusDocument,
  UnitDocument,
  UnitRequest,
  UnitVerb,
} from '../wire/v1.ts';

export interface Refusal {
  readonly ok: false;
  readonly error: ProblemDetails;
}

export type Answer<T> = { readonly ok: true; readonly value: T } | Refusal;

/** The daemon is being replaced before the operation is over; the next version knows it by this id. */
export interface HandedOver extends Refusal {
  readonly operation: string;
}

export type OperationAnswer = Answer<OperationDocument> | HandedOver;

export interface LogQuery {
  readonly lines: number | null;
  /** Milliseconds since the epoch. */
  readonly sinceWall: number | null;
  readonly stream: 'stdout' | 'stderr' | null;
  readonly follow: boolean;
}

export interface EventQuery {
  /** Empty: all units, and what is of none. */
  readonly units: readonly string[];
  /** Empty: all types. */
  readonly types: readonly EventLine['type'][];
  /** Send a `state` line for each unit first. */
  readonly snapshot: boolean;
  /** Send what has happened after the event of this number first; null: only what happens from now on. */
  readonly after: number | null;
}

export interface Subscription {
  close(): void;
}

/** Told of each state change of the units an operation moves, until it answers. */
export type Progress = (line: Extract<OperationLine, { type: 'progress' }>) => void;

export interface Control {
  /** How all units stood when it was asked. */
  status(): Steps<StatusDocument>;
  unit(name: string): Promise<Answer<UnitDocument>>;
  /** Likewise. */
  graph(): Steps<GraphDocument>;
  plan(request: { readonly partial: boolean }): Promise<Answer<PlanDocument>>;
  /** `hangup` fires when the client is gone: the waiting ends, what was begun goes on. */
  reload(request: ReloadRequest, progress: Progress, hangup: AbortSignal): Promise<OperationAnswer>;
  operate(
    name: string,
    verb: UnitVerb,
    request: UnitRequest,
    progress: Progress,
    hangup: AbortSignal,
  ): Promise<OperationAnswer>;
  /** Goes on waiting for an operation that the version before this one was asked for. */
  operation(id: string, progress: Progress, hangup: AbortSignal): Promise<OperationAnswer>;
  /** Tries the version on disk; when this resolves with a document, that version is about to take over. */
  reexec(): Promise<Answer<ReexecDocument>>;
  logs(name: string, query: LogQuery, hangup: AbortSignal): Answer<AsyncIterable<LogLine>>;
  /** `listener` is called in order and must not block; it ends with close(). */
  events(query: EventQuery, listener: (line: EventLine) => void): Answer<Subscription>;
}
