// Which units an operator has stopped that others wait for, however far up: what a start cannot change by itself.
import type { DependencyField } from '../model/unit.ts';
import type { GraphDocument, StatusDocument } from '../wire/v1.ts';
import type { Client } from './client.ts';

/** A unit that names another in one of these is down while that is stopped. */
const STOPS_TRAVEL: readonly DependencyField[] = ['requires', 'requisite', 'bindsTo', 'partOf'];

/** In the order they are come upon; none where the daemon no longer answers. */
export async function heldAbove(client: Client, names: readonly string[]): Promise<readonly string[]> {
  const [status, graph] = await Promise.all([
    client.get<StatusDocument>('/v1/status'),
    client.get<GraphDocument>('/v1/units'),
  ]);
  if (!status.ok || !graph.ok) return [];
  const held = new Set(
    status.value.units.flatMap(({ name, held: isHeld, wanted }) => (isHeld && wanted === 'down' ? name : [])),
  );
  const dependencies = new Map(graph.value.units.map((unit) => [unit.name, unit.dependencies]));
  const seen = new Set(names);
  // A Set is walked on to what is added meanwhile.
  for (const name of seen) {
    for (const field of STOPS_TRAVEL)
      for (const other of dependencies.get(name)?.[field] ?? []) seen.add(other);
  }
  return [...seen].filter((name) => held.has(name));
}
