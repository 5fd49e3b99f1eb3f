// GET /v1/status. Clients poll it, with thousands of units: no exit waits for it.
import { inSlices } from '../daemon/slices.ts';
import { documentReply } from './exchange.ts';
import { withoutQuery } from './query.ts';

export const getStatus = withoutQuery(async (_request, { control }) =>
  documentReply(await inSlices(control.status())),
);
