// GET /v1/status. Clients poll it, with thousands of units: one synchronous answer, one JSON text.
import { documentReply, problemReply } from './exchange.ts';
import type { Route } from './exchange.ts';
import { queryReader } from './query.ts';

export const getStatus: Route = (request, { control }) => {
  const problem = queryReader(request.query).problem();
  return problem === null ? documentReply(control.status()) : problemReply(problem);
};
