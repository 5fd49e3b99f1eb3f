// GET /v1/units, GET /v1/units/{name}, and POST /v1/units/{name}/{verb}.
import type { Answer } from '../daemon/control.ts';
import { inSlices } from '../daemon/slices.ts';
import type { UnitRequest, UnitVerb } from '../wire/v1.ts';
import { BOOLEAN, MILLISECONDS, TEXT, oneOf, readBody } from './body.ts';
import type { BodyChecks } from './body.ts';
import { documentReply, problemReply, replyOf } from './exchange.ts';
import type { Route } from './exchange.ts';
import { operationReply } from './operation.ts';
import { withoutQuery } from './query.ts';

export const getUnits = withoutQuery(async (_request, { control }) =>
  documentReply(await inSlices(control.graph())),
);

export const getUnit = withoutQuery(async ({ name }, { control }) => replyOf(await control.unit(name)));

const WAITING: BodyChecks<Pick<UnitRequest, 'wait' | 'timeoutMs'>> = {
  wait: BOOLEAN,
  timeoutMs: MILLISECONDS,
};
const SIGNALLING: BodyChecks<UnitRequest> = { ...WAITING, signal: TEXT, whom: oneOf('main', 'all') };

export function postVerb(verb: UnitVerb): Route {
  return withoutQuery((request, context) => {
    const body: Answer<UnitRequest> = readBody(request.body, verb === 'signal' ? SIGNALLING : WAITING);
    if (!body.ok) return problemReply(body.error);
    return operationReply(request, context, (progress) =>
      context.control.operate(request.name, verb, body.value, progress, request.hangup),
    );
  });
}
