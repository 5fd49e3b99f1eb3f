// unitd events: what happens, until the process or the daemon ends. A daemon that is replaced by another version says
// so in its last line; that version is asked for all that came after.
import { EVENT_TYPES } from '../../wire/v1.ts';
import type { EventLine, GraphDocument } from '../../wire/v1.ts';
import { clientOf } from '../client.ts';
import { failed } from '../report.ts';
import type { Context } from '../context.ts';
import { eventText } from '../event-text.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { connectionFailure, unknownChoice, usageFailure } from '../failure.ts';
import type { Reply } from '../failure.ts';
import { explained, unitsQuery, unknownAmong } from '../unit-path.ts';
import { given, valuesOf } from '../verb-spec.ts';

export async function runEvents(context: Context): Promise<ExitCode> {
  const { invocation, out } = context;
  const types = valuesOf(invocation, 'type');
  const unknown = types.find((type) => !EVENT_TYPES.some((known) => known === type));
  if (unknown !== undefined)
    return failed(context, usageFailure(unknownChoice('--type', unknown, EVENT_TYPES)));
  const client = clientOf(context.paths.socket);
  const names = [...new Set(valuesOf(invocation, 'unit'))];
  const ofUnits = unitsQuery(names);
  if (names.includes('') || (names.length > 0 && ofUnits === '')) {
    const graph = await client.get<GraphDocument>('/v1/units');
    if (!graph.ok) return failed(context, graph.failure);
    const known = new Set(graph.value.units.map(({ name }) => name));
    const failure = await unknownAmong(client, names, known);
    if (failure !== null) return failed(context, failure);
  }
  const query = new URLSearchParams();
  for (const type of types) query.append('type', type);
  if (given(invocation, 'snapshot')) query.set('snapshot', '1');
  const asJson = context.json || out.width === null;
  let replacedAfter: number | null = null;
  let reply: Reply<{ readonly complete: boolean }>;
  do {
    if (replacedAfter !== null) {
      query.delete('snapshot');
      query.set('after', String(replacedAfter));
    }
    replacedAfter = null;
    reply = await client.stream<EventLine>(
      `/v1/events?${query.toString()}${ofUnits}`,
      (event) => {
        if (event.type === 'daemon' && event.phase === 'replacing') replacedAfter = event.seq;
        if (ofUnits === '' && names.length > 0 && !isFor(names, event)) return;
        context.print(`${asJson ? JSON.stringify(event) : eventText(event, out)}\n`);
      },
      new AbortController().signal,
    );
  } while (replacedAfter !== null && reply.ok);
  if (!reply.ok) return failed(context, await explained(client, reply.failure));
  if (reply.value.complete) {
    const message = 'cannot go on: the daemon has ended, expected it to run';
    return failed(context, { exitCode: EXIT.unreachable, message, hints: [], details: null });
  }
  return failed(context, connectionFailure(context.paths.socket, 'ECONNRESET'));
}

/** As the daemon judges where it is told the names. */
function isFor(names: readonly string[], event: EventLine): boolean {
  if ('unit' in event) return names.includes(event.unit);
  return event.type === 'lost' || (event.type === 'daemon' && event.phase === 'replacing');
}
