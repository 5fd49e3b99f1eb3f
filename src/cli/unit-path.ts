// Paths of a unit's resources on the control socket, and a hint for a name that is almost right.
import { withoutEnding } from '../model/unit.ts';
import type { GraphDocument } from '../wire/v1.ts';
import type { Client } from './client.ts';
import { EXIT } from './exit-code.ts';
import { noSuchUnit } from './failure.ts';
import type { Failure } from './failure.ts';

export function unitPath(name: string, resource?: string): string {
  const path = `/v1/units/${encodeURIComponent(name)}`;
  return resource === undefined ? path : `${path}/${resource}`;
}

/** A request's head may have 16 KiB; this leaves room for the rest of it. */
const MOST_QUERY_CHARACTERS = 8 * 1024;

/** `&unit=NAME…`; empty where that is too long for a request line: all units are asked for, and the others passed over. */
export function unitsQuery(names: readonly string[]): string {
  const query = names.map((name) => `&unit=${encodeURIComponent(name)}`).join('');
  return query.length > MOST_QUERY_CHARACTERS ? '' : query;
}

/** Of the first of `names` that is not among the `known`; null where all are. */
export async function unknownAmong(
  client: Client,
  names: readonly string[],
  known: { has(name: string): boolean },
): Promise<Failure | null> {
  const unknown = names.find((name) => !known.has(name));
  return unknown === undefined ? null : explained(client, noSuchUnit(unknown));
}

const ASKED_NAME = /"([^"]*)"/;

/** The failure, and for an unknown unit the names that were perhaps meant. */
export async function explained(client: Client, failure: Failure): Promise<Failure> {
  const name = ASKED_NAME.exec(failure.message)?.[1];
  if (failure.exitCode !== EXIT.noSuchUnit || !name) return failure;
  const graph = await client.get<GraphDocument>('/v1/units');
  if (!graph.ok) return failure;
  const names = graph.value.units.map((unit) => unit.name);
  return { ...failure, hints: [...(await hintsOn(name, names)), ...failure.hints] };
}

const NEW_FILE = 'if its file is new: unitd reload';

async function hintsOn(name: string, names: readonly string[]): Promise<readonly string[]> {
  if (names.length === 0) return ['there are no units: unitd status', NEW_FILE];
  // The name of its file, as a shell completes it, or of its unit elsewhere.
  const bare = withoutEnding(name.split('/').at(-1) ?? '');
  if (names.includes(bare)) return [`did you mean ${bare}?`];
  const { nearNames } = await import('./near-name.ts');
  const { either } = await import('./verb-spec.ts');
  const near = nearNames(bare, names);
  return near.length === 0
    ? ['the units there are: unitd status', NEW_FILE]
    : [`did you mean ${either(near)}?`, NEW_FILE];
}
