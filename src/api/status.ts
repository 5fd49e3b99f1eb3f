// GET /v1/status. Clients poll it, with thousands of units: the daemon is asked once for all of them.
import { documentReply } from './exchange.ts';
import { withoutQuery } from './query.ts';

export const getStatus = withoutQuery((_request, { control }) => documentReply(control.status()));
