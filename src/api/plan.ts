// GET /v1/plan: what a reload would do.
import { problemReply, replyOf } from './exchange.ts';
import type { Route } from './exchange.ts';
import { FLAG, queryReader } from './query.ts';

export const getPlan: Route = async (request, { control }) => {
  const query = queryReader(request.query);
  const partial = query.value('partial', FLAG);
  const problem = query.problem();
  if (problem !== null) return problemReply(problem);
  return replyOf(await control.plan({ partial }));
};
