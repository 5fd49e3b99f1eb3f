// A request to the reply that it gets: which path, which method, and what is refused before any route sees it.
// Knows nothing of sockets.
import { UNIT_VERBS } from '../wire/v1.ts';
import { getEvents } from './events.ts';
import { internalError, problemReply, refusal } from './exchange.ts';
import type { ApiContext, ApiRequest, Reply, Route, RoutedRequest } from './exchange.ts';
import { getLogs } from './logs.ts';
import { getOperation } from './operation.ts';
import { getPlan } from './plan.ts';
import { postReexec } from './reexec.ts';
import { postReload } from './reload.ts';
import { getStatus } from './status.ts';
import { getUnit, getUnits, postVerb } from './units.ts';

export interface RouteEntry {
  readonly method: 'GET' | 'POST';
  /** `{name}` or `{id}` stands for one segment. */
  readonly path: string;
  readonly route: Route;
}

export const ROUTES: readonly RouteEntry[] = [
  { method: 'GET', path: '/v1/status', route: getStatus },
  { method: 'GET', path: '/v1/units', route: getUnits },
  { method: 'GET', path: '/v1/units/{name}', route: getUnit },
  { method: 'GET', path: '/v1/units/{name}/logs', route: getLogs },
  { method: 'GET', path: '/v1/plan', route: getPlan },
  { method: 'GET', path: '/v1/events', route: getEvents },
  { method: 'GET', path: '/v1/operations/{id}', route: getOperation },
  { method: 'POST', path: '/v1/reload', route: postReload },
  { method: 'POST', path: '/v1/reexec', route: postReexec },
  ...UNIT_VERBS.map((verb): RouteEntry => ({
    method: 'POST',
    path: `/v1/units/{name}/${verb}`,
    route: postVerb(verb),
  })),
];

/** Never rejects: a bug is reported through the context and becomes a reply with status 500. */
export async function replyTo(request: ApiRequest, context: ApiContext): Promise<Reply> {
  try {
    return await routed(request, context);
  } catch (error) {
    context.onBug(error);
    return problemReply(internalError());
  }
}

async function routed(request: ApiRequest, context: ApiContext): Promise<Reply> {
  if (request.origin !== null) {
    const detail = 'cannot answer a web page: the request has an Origin header, expected none';
    return problemReply(refusal(403, 'cross-origin', 'Not for web pages', detail));
  }
  // A proxy may send the absolute form, `GET http://localhost/v1/status`.
  const target = request.target.replace(/^https?:\/\/[^/?]*/i, '');
  const [path = '', ...queries] = target.split('?');
  const known = ROUTES.filter((entry) => nameIn(path, entry.path) !== null);
  if (known.length === 0) {
    const detail = `cannot find path ${JSON.stringify(path.slice(0, 200))}: no such path, expected one of API version 1`;
    return problemReply(refusal(404, 'no-such-path', 'No such path', detail));
  }
  const isHead = request.method === 'HEAD';
  const entry = known.find(({ method }) => method === (isHead ? 'GET' : request.method));
  if (entry === undefined) {
    const expected = known.map(({ method }) => method).join(', ');
    const allow = expected.replace('GET', 'GET, HEAD');
    const detail = `cannot ${request.method} path "${path}": method not known there, expected ${expected}`;
    const reply = problemReply(refusal(405, 'method-not-allowed', 'Method not allowed', detail));
    return { ...reply, allow };
  }
  const name = nameIn(path, entry.path) ?? '';
  const asked = { ...request, name, query: new URLSearchParams(queries.join('?')) };
  return isHead ? headOf(asked, entry.route, context) : entry.route(asked, context);
}

/** As for GET, and node leaves the body out: but nobody would read a stream to its end, and have it let go of its source. */
async function headOf(request: RoutedRequest, route: Route, context: ApiContext): Promise<Reply> {
  const over = new AbortController();
  const hangup = AbortSignal.any([request.hangup, over.signal]);
  const reply = await route({ ...request, hangup }, context);
  if (reply.kind === 'document') return reply;
  over.abort();
  return { kind: 'stream', pieces: nothing() };
}

// oxlint-disable-next-line require-yield -- a stream without a piece
async function* nothing(): AsyncGenerator<string> {}

/** What `{name}` or `{id}` stands for in the path, `''` for a pattern without it; null where the path is another one. */
function nameIn(path: string, pattern: string): string | null {
  const given = path.split('/');
  const wanted = pattern.split('/');
  if (given.length !== wanted.length) return null;
  let name = '';
  for (const [index, segment] of wanted.entries()) {
    const text = given[index] ?? '';
    if (!segment.startsWith('{')) {
      if (segment !== text) return null;
    } else {
      const decoded = decodedSegment(text);
      if (decoded === null || decoded === '') return null;
      name = decoded;
    }
  }
  return name;
}

function decodedSegment(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
