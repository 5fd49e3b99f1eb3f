// POST /v1/reexec: answers once the version on disk has been tried, before it takes over.
import { readBody } from './body.ts';
import { problemReply, replyOf } from './exchange.ts';
import { withoutQuery } from './query.ts';

export const postReexec = withoutQuery(async (request, { control }) => {
  const body = readBody(request.body, {});
  return body.ok ? replyOf(await control.reexec()) : problemReply(body.error);
});
