// Paths of a unit's resources on the control socket, and a hint for a name that is almost right.
import type { GraphDocument } from '../wire/v1.ts';
import type { Client } from './client.ts';
import { EXIT } from './exit-code.ts';
import type { Failure } from './failure.ts';

export function unitPath(name: string, resource?: string): string {
  const path = `/v1/units/${encodeURIComponent(name)}`;
  return resource === undefined ? path : `${path}/${resource}`;
}

const ASKED_NAME = /"([^"]+)"/;

/** The failure, and for an unknown unit the names that were perhaps meant. */
export async function explained(client: Client, failure: Failure): Promise<Failure> {
  const name = ASKED_NAME.exec(failure.message)?.[1];
  if (
    failure.exitCode !== EXIT.noSuchUnit ||
    name === undefined ||
    failure.message.includes('did you mean')
  ) {
    return failure;
  }
  const graph = await client.get<GraphDocument>('/v1/units');
  if (!graph.ok) return failure;
  const close = await closest(
    name,
    graph.value.units.map((unit) => unit.name),
  );
  if (close.length > 0)
    return { ...failure, hints: [`did you mean ${close.join(' or ')}?`, ...failure.hints] };
  return { ...failure, hints: ['the units there are: unitd status', ...failure.hints] };
}

async function closest(name: string, candidates: readonly string[]): Promise<readonly string[]> {
  const inside = candidates.filter((other) => name.length > 2 && other.includes(name));
  if (inside.length > 0) return inside.slice(0, 3);
  const { default: leven } = await import('leven');
  // Two letters in each other's place are the commonest slip, and count as two.
  const maxDistance = Math.max(Math.min(2, name.length - 1), Math.floor(name.length / 3));
  const [best] = candidates
    .map((other) => ({
      other,
      distance: leven(name, other, { maxDistance: maxDistance + 1 }),
      lengths: Math.abs(name.length - other.length),
    }))
    .filter(({ distance }) => distance <= maxDistance)
    .toSorted((one, other) => one.distance - other.distance || one.lengths - other.lengths);
  return best === undefined ? [] : [best.other];
}
