// POST /v1/reexec: answers once the version on disk has been tried, before it takes over.
import { documentReply, problemReply } from './exchange.ts';
import type { Route } from './exchange.ts';
import { readBody } from './body.ts';
import { queryReader } from './query.ts';

export const postReexec: Route = async (request, { control }) => {
  const problem = queryReader(request.query).problem();
  if (problem !== null) return problemReply(problem);
  const body = readBody(request.body, {});
  if (!body.ok) return problemReply(body.error);
  const answer = await control.reexec();
  return answer.ok ? documentReply(answer.value) : problemReply(answer.error);
};
