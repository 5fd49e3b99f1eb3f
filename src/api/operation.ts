// The answer of a POST, in the form that the client asked for: one document at the end, or lines as it goes.
import type { Answer, Progress } from '../daemon/control.ts';
import type { OperationDocument, OperationLine } from '../wire/v1.ts';
import { documentReply, internalError, problemReply } from './exchange.ts';
import type { ApiContext, ApiRequest, Reply } from './exchange.ts';
import { lineQueue } from './line-queue.ts';

type Operation = (progress: Progress) => Promise<Answer<OperationDocument>>;

export async function operationReply(
  request: ApiRequest,
  context: ApiContext,
  operation: Operation,
): Promise<Reply> {
  if (!acceptsLines(request.accept)) {
    const answer = await operation(() => {});
    return answer.ok ? documentReply(answer.value) : problemReply(answer.error);
  }
  // Progress that nobody reads may be dropped, the result may not.
  const queue = lineQueue<OperationLine>(context.queueBytes, () => null);
  operation((line) => queue.push(line))
    .then((answer) => {
      queue.pushAlways(
        answer.ok ? { type: 'result', result: answer.value } : { type: 'error', error: answer.error },
      );
    })
    .catch((error: unknown) => {
      context.onBug(error);
      queue.pushAlways({ type: 'error', error: internalError() });
    })
    .finally(() => queue.end());
  return { kind: 'stream', pieces: queue.pieces };
}

function acceptsLines(accept: string): boolean {
  return accept.split(',').some((range) => /^\s*application\/x-ndjson\s*(;|$)/i.test(range));
}
