// Which units an operator has stopped that others wait for, however far up: what a start cannot change by itself.
import type { DependencyField } from '../model/unit.ts';
import type { GraphDocument, StatusDocument } from '../wire/v1.ts';
import type { Client } from './client.ts';
import type { Context } from './context.ts';

/** A unit that names another in one of these is down while that is stopped. */
const STOPS_TRAVEL: readonly DependencyField[] = ['requires', 'requisite', 'bindsTo', 'partOf'];

/** Tells the way out for units that wait, where it is an operator's. */
export async function noteHolders(
  { err, note }: Context,
  client: Client,
  waiting: readonly string[],
): Promise<void> {
  if (waiting.length === 0) return;
  for (const name of await heldAbove(client, waiting))
    note(`  ${err.palette.dim(`to let ${name} run: unitd start ${name}, or unitd release ${name}`)}\n`);
}

/** A hint is not worth a longer wait. */
const HINT_MS = 1000;

/** In the order they are come upon; none where the daemon no longer answers. */
async function heldAbove(client: Client, names: readonly string[]): Promise<readonly string[]> {
  const inTime = AbortSignal.timeout(HINT_MS);
  const [status, graph] = await Promise.all([
    client.get<StatusDocument>('/v1/status', inTime),
    client.get<GraphDocument>('/v1/units', inTime),
  ]);
  if (!status.ok || !graph.ok) return [];
  const held = new Set(
    status.value.units.flatMap(({ name, held: isHeld, wanted }) => (isHeld && wanted === 'down' ? name : [])),
  );
  return [...above(graph.value, names)].filter((name) => held.has(name));
}

/** These, and all whose stop reaches them. */
function above({ units }: GraphDocument, names: readonly string[]): ReadonlySet<string> {
  const dependencies = new Map(units.map((unit) => [unit.name, unit.dependencies]));
  const seen = new Set(names);
  // A Set is walked on to what is added meanwhile.
  for (const name of seen) {
    for (const field of STOPS_TRAVEL)
      for (const other of dependencies.get(name)?.[field] ?? []) seen.add(other);
  }
  return seen;
}

/** Of units that were judged before the word for one of `others`, which they wait for, was said. */
export async function judgedTooSoon(
  client: Client,
  waiting: readonly string[],
  others: ReadonlySet<string>,
): Promise<readonly string[]> {
  const graph = await client.get<GraphDocument>('/v1/units', AbortSignal.timeout(HINT_MS));
  if (!graph.ok) return [];
  return waiting.filter((name) => [...above(graph.value, [name])].some((other) => others.has(other)));
}
