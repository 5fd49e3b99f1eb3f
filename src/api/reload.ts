// POST /v1/reload. With `dryRun` it is GET /v1/plan by another name, and answers like it.
import type { ReloadRequest } from '../wire/v1.ts';
import { BOOLEAN, MILLISECONDS, TEXT, readBody } from './body.ts';
import type { BodyChecks } from './body.ts';
import { problemReply, refusal, replyOf } from './exchange.ts';
import { operationReply } from './operation.ts';
import { withoutQuery } from './query.ts';

const CHECKS: BodyChecks<ReloadRequest> = {
  dryRun: BOOLEAN,
  plan: TEXT,
  partial: BOOLEAN,
  wait: BOOLEAN,
  timeoutMs: MILLISECONDS,
};

export const postReload = withoutQuery(async (request, context) => {
  const body = readBody(request.body, CHECKS);
  if (!body.ok) return problemReply(body.error);
  if (body.value.dryRun !== true) {
    return operationReply(request, context, (progress) =>
      context.control.reload(body.value, progress, request.hangup),
    );
  }
  if (body.value.plan !== undefined) {
    const detail = 'cannot read field "plan": given with "dryRun", expected one of them';
    return problemReply(refusal(400, 'wrong-body', 'Wrong body', detail));
  }
  return replyOf(await context.control.plan({ partial: body.value.partial ?? false }));
});
