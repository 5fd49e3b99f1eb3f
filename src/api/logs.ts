// GET /v1/units/{name}/logs: lines of a unit's log, kept ones and, with `follow`, those to come.
// The reader of the log is asked for the next line only when the client has room: nothing is queued or dropped.
import { parseDuration } from '../base/duration.ts';
import { isDay, nearestMoment } from '../base/moment.ts';
import type { LogLine } from '../wire/v1.ts';
import { problemReply } from './exchange.ts';
import type { Route } from './exchange.ts';
import { lineOf } from './line-queue.ts';
import { COUNT, FLAG, oneOfWords, queryReader } from './query.ts';
import type { Parameter } from './query.ts';

const STREAM = oneOfWords(['stdout', 'stderr']);
const TIME = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

export const getLogs: Route = (request, { control, wallMs }) => {
  const query = queryReader(request.query);
  const lines = query.value('lines', COUNT);
  const sinceWall = query.value('since', since(wallMs()));
  const stream = query.value('stream', STREAM);
  const follow = query.value('follow', FLAG);
  const problem = query.problem();
  if (problem !== null) return problemReply(problem);
  const answer = control.logs(request.name, { lines, sinceWall, stream, follow }, request.hangup);
  return answer.ok ? { kind: 'stream', pieces: texts(answer.value) } : problemReply(answer.error);
};

/** A time, or how long before `nowWall`. */
function since(nowWall: number): Parameter<number | null> {
  return {
    expected: 'an RFC 3339 time or a duration such as 10m',
    absent: null,
    repeatable: false,
    read: ([text]) => {
      const ago = parseDuration(text);
      if (ago !== null) return nearestMoment(nowWall - ago);
      // The `+` of an offset stands for a blank in a query, and hardly anybody writes %2B.
      const time = text.replace(/ (\d\d:\d\d)$/, '+$1');
      const wall = TIME.test(time) && isDay(time.slice(0, 10)) ? Date.parse(time) : Number.NaN;
      return Number.isNaN(wall) ? undefined : nearestMoment(wall);
    },
  };
}

async function* texts(lines: AsyncIterable<LogLine>): AsyncGenerator<string> {
  for await (const line of lines) yield lineOf(line);
}
