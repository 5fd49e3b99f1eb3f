// The answer of a POST, in the form that the client asked for: one document at the end, or lines as it goes. And GET
// /v1/operations/{id}, the rest of a POST that the daemon was replaced over.
import type { OperationAnswer, Progress } from '../daemon/control.ts';
import { inSlices } from '../daemon/slices.ts';
import type { OperationLine } from '../wire/v1.ts';
import { internalError, replyOf } from './exchange.ts';
import type { ApiContext, ApiRequest, Reply } from './exchange.ts';
import { lineQueue } from './line-queue.ts';
import { printing } from './printing.ts';
import { withoutQuery } from './query.ts';

type Operation = (progress: Progress) => Promise<OperationAnswer>;

export const getOperation = withoutQuery((request, context) =>
  operationReply(request, context, (progress) =>
    context.control.operation(request.name, progress, request.hangup),
  ),
);

export async function operationReply(
  request: ApiRequest,
  context: ApiContext,
  operation: Operation,
): Promise<Reply> {
  if (!acceptsLines(request.accept)) return documentOf(await operation(() => {}));
  // Progress that nobody reads may be dropped, the result may not.
  const queue = lineQueue<OperationLine>(context.queueBytes, () => null);
  const last = operation((line) => queue.push(line))
    .then(lastLineOf, (error: unknown): OperationLine => {
      context.onBug(error);
      return { type: 'error', error: internalError() };
    })
    .finally(() => queue.end());
  return { kind: 'stream', pieces: ending(queue.pieces, last) };
}

async function* ending(before: AsyncIterable<string>, last: Promise<OperationLine>): AsyncGenerator<string> {
  yield* before;
  yield* await inSlices(printing(await last));
  yield '\n';
}

function documentOf(answer: OperationAnswer): Reply {
  const reply = replyOf(answer);
  return 'operation' in answer ? { ...reply, location: `/v1/operations/${answer.operation}` } : reply;
}

function lastLineOf(answer: OperationAnswer): OperationLine {
  if (answer.ok) return { type: 'result', result: answer.value };
  if ('operation' in answer) return { type: 'handed-over', operation: answer.operation };
  return { type: 'error', error: answer.error };
}

function acceptsLines(accept: string): boolean {
  return accept.split(',').some((range) => /^\s*application\/x-ndjson\s*(;|$)/i.test(range));
}
