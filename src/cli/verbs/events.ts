// unitd events: what happens, until the process or the daemon ends.
import type { EventLine } from '../../wire/v1.ts';
import { clientOf } from '../client.ts';
import { failed } from '../report.ts';
import type { Context } from '../context.ts';
import { eventText } from '../event-text.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { connectionFailure } from '../failure.ts';
import { given, valuesOf } from '../verb-spec.ts';

export async function runEvents(context: Context): Promise<ExitCode> {
  const { invocation, out } = context;
  const query = new URLSearchParams();
  for (const unit of valuesOf(invocation, 'unit')) query.append('unit', unit);
  for (const type of valuesOf(invocation, 'type')) query.append('type', type);
  if (given(invocation, 'snapshot')) query.set('snapshot', '1');
  const asJson = context.json || out.width === null;
  const reply = await clientOf(context.paths.socket).stream<EventLine>(
    `/v1/events?${query.toString()}`,
    (event) => context.print(`${asJson ? JSON.stringify(event) : eventText(event, out)}\n`),
    new AbortController().signal,
  );
  if (!reply.ok) return failed(context, reply.failure);
  if (reply.value.complete) {
    context.note('the daemon has ended the stream\n');
    return EXIT.unreachable;
  }
  return failed(context, connectionFailure(context.paths.socket, 'ECONNRESET'));
}
