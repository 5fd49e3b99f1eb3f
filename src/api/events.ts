// GET /v1/events: what happens, as it happens. The daemon never waits for who listens: a listener that does not
// read loses lines, and is told how many.
import { EVENT_TYPES } from '../wire/v1.ts';
import type { EventLine } from '../wire/v1.ts';
import { problemReply } from './exchange.ts';
import type { Route } from './exchange.ts';
import { lineQueue } from './line-queue.ts';
import { COUNT, FLAG, NAMES, queryReader, someOfWords } from './query.ts';

const TYPES = someOfWords(EVENT_TYPES);

export const getEvents: Route = (request, { control, queueBytes }) => {
  const query = queryReader(request.query);
  const units = query.value('unit', NAMES);
  const types = query.value('type', TYPES);
  const snapshot = query.value('snapshot', FLAG);
  const after = query.value('after', COUNT);
  const problem = query.problem();
  if (problem !== null) return problemReply(problem);

  const queue = lineQueue<EventLine>(queueBytes, lost);
  // What came before, and the opening snapshot, which is as long as the fleet, are whole: they come before events() returns.
  let push = queue.pushAlways;
  const answer = control.events({ units, types, snapshot, after }, (line) => push(line));
  if (!answer.ok) return problemReply(answer.error);
  push = queue.push;
  // Not left to the reader of the pieces: a client may be gone before the first is read.
  const stop = (): void => {
    answer.value.close();
    queue.end();
  };
  if (request.hangup.aborted) stop();
  else request.hangup.addEventListener('abort', stop, { once: true });
  return { kind: 'stream', pieces: queue.pieces };
};

/** Takes the number of the last line that it stands for, so that numbers still only rise. */
function lost(count: number, { apiVersion, seq, at }: EventLine): EventLine {
  return { apiVersion, seq, at, type: 'lost', count };
}
