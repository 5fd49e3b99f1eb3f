// Who comes after whom, and who names whom: the two readings of the dependency fields that everything else uses.
// Pure. It knows nothing of states; a name that is not in the set is passed over (config reports those).
import { DEPENDENCY_FIELDS } from '../model/unit.ts';
import type { DependencyField, UnitSpec } from '../model/unit.ts';
import { atOnce } from './steps.ts';
import type { Steps } from './steps.ts';

type Dependencies = Pick<UnitSpec, 'name' | DependencyField>;

/** The fields that imply `after`. */
export const ORDERING_FIELDS = ['after', 'requires', 'wants', 'requisite', 'bindsTo'] as const;
/** The fields whose unit must be up before the naming unit may start. */
export const STRONG_FIELDS = ['requires', 'requisite', 'bindsTo'] as const;
/** The fields along which a stop travels to the naming unit. Only partOf, which implies no order, can make a ring. */
export const INHERITING_FIELDS = [...STRONG_FIELDS, 'partOf'] as const;

/** The fields whose unit is brought up by the naming unit. */
export const PULLING_FIELDS = ['requires', 'wants', 'bindsTo', 'upholds'] as const;

export interface Edge {
  readonly field: DependencyField;
  /** The unit whose file names the other. */
  readonly name: string;
}

export interface Graph {
  /** The units that this one starts after, and stops before. */
  readonly predecessors: (name: string) => readonly string[];
  /** The units that start after this one, and stop before it. */
  readonly successors: (name: string) => readonly string[];
  /** Which units name this one, and in which field. */
  readonly namedBy: (name: string) => readonly Edge[];
  /** Named in `conflicts` by this unit, or naming it there, by name: whom a reason tells does not hang on the set's order. */
  readonly conflicts: (name: string) => readonly string[];
  /** Name this one in `upholds`. */
  readonly upholders: (name: string) => readonly string[];
  /** Those with whom this one is on a ring of INHERITING_FIELDS, itself among them; none where it is on no ring. */
  readonly ring: (name: string) => readonly string[];
}

const NONE: readonly never[] = [];

/** Reads a whole set once; O(units + dependencies). Of `unordered` units the order is not read, only the rest. */
export function buildGraph(specs: Iterable<Dependencies>, unordered?: ReadonlySet<string>): Graph {
  return atOnce(buildingGraph(specs, unordered));
}

export function* buildingGraph(
  specs: Iterable<Dependencies>,
  unordered: ReadonlySet<string> = new Set(),
): Steps<Graph> {
  const set = new Map<string, Dependencies>();
  for (const spec of specs) set.set(spec.name, spec);
  const predecessors = new Map<string, Set<string>>();
  const successors = new Map<string, Set<string>>();
  const conflicts = new Map<string, Set<string>>();
  const upholders = new Map<string, Set<string>>();
  const namedBy = new Map<string, Edge[]>();
  const order = (first: string, second: string): void => {
    if (unordered.has(first) || unordered.has(second)) return;
    add(predecessors, second, first);
    add(successors, first, second);
  };
  for (const spec of set.values()) {
    yield;
    const { name } = spec;
    for (const field of DEPENDENCY_FIELDS) {
      for (const other of spec[field]) {
        if (!set.has(other)) continue;
        const edges = namedBy.get(other);
        if (edges === undefined) namedBy.set(other, [{ field, name }]);
        else edges.push({ field, name });
      }
    }
    for (const field of ORDERING_FIELDS) {
      for (const other of spec[field]) if (set.has(other)) order(other, name);
    }
    for (const other of spec.before) if (set.has(other)) order(name, other);
    for (const other of spec.upholds) add(upholders, other, name);
    for (const other of spec.conflicts) {
      if (!set.has(other) || other === name) continue;
      add(conflicts, name, other);
      add(conflicts, other, name);
    }
  }
  const rings = new Map<string, readonly string[]>();
  if ([...set.values()].some((spec) => spec.partOf.length > 0)) {
    const above = new Map(
      [...set].map(([name, spec]) => [name, INHERITING_FIELDS.flatMap((field) => spec[field])]),
    );
    for (const ring of yield* stronglyConnected([...set.keys()], (name) => above.get(name) ?? NONE)) {
      for (const name of ring) rings.set(name, ring);
    }
  }
  const [before, after] = [yield* listed(predecessors), yield* listed(successors)];
  const [rivals, keepers] = [new Map<string, readonly string[]>(), yield* listed(upholders)];
  for (const [name, others] of conflicts) {
    rivals.set(name, [...others].sort());
    yield;
  }
  return {
    predecessors: (name) => before.get(name) ?? NONE,
    successors: (name) => after.get(name) ?? NONE,
    namedBy: (name) => namedBy.get(name) ?? NONE,
    conflicts: (name) => rivals.get(name) ?? NONE,
    upholders: (name) => keepers.get(name) ?? NONE,
    ring: (name) => rings.get(name) ?? NONE,
  };
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, new Set([value]));
  else values.add(value);
}

function* listed(
  map: ReadonlyMap<string, ReadonlySet<string>>,
): Steps<ReadonlyMap<string, readonly string[]>> {
  const lists = new Map<string, readonly string[]>();
  for (const [key, values] of map) {
    lists.set(key, [...values]);
    yield;
  }
  return lists;
}

/**
 * The ordering cycles of a set, each as the names along it with the first repeated at the end: every unit of it
 * comes after the next. One cycle for each knot of units, the shortest through its alphabetically first member.
 */
export function findOrderingCycles(specs: readonly Dependencies[]): readonly (readonly string[])[] {
  return atOnce(findingOrderingCycles(specs));
}

export function* findingOrderingCycles(
  specs: readonly Dependencies[],
): Steps<readonly (readonly string[])[]> {
  const graph = yield* buildingGraph(specs);
  const knots = yield* stronglyConnected(
    specs.map((spec) => spec.name),
    graph.predecessors,
  );
  const cycles: (readonly string[])[] = [];
  for (const knot of knots) {
    const first = [...knot].sort()[0];
    if (first === undefined) continue;
    const path = shortestWayBack(first, new Set(knot), graph.predecessors);
    if (path !== null) cycles.push(path);
  }
  return cycles.sort((a, b) => (a[0] ?? '').localeCompare(b[0] ?? ''));
}

/** Breadth first from `start` back to itself inside `within`; null where there is no way. */
function shortestWayBack(
  start: string,
  within: ReadonlySet<string>,
  next: (name: string) => readonly string[],
): readonly string[] | null {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const name of queue) {
    for (const other of next(name)) {
      if (other === start) {
        const path = [start];
        for (let at = name; at !== start; at = cameFrom.get(at) ?? start) path.push(at);
        return [...path, start].reverse();
      }
      if (!within.has(other) || cameFrom.has(other)) continue;
      cameFrom.set(other, name);
      queue.push(other);
    }
  }
  return null;
}

/** Tarjan's components that can hold a cycle, without recursion: a chain of 100,000 units must not end the stack. */
function* stronglyConnected(
  names: readonly string[],
  next: (name: string) => readonly string[],
): Steps<readonly (readonly string[])[]> {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const components: string[][] = [];
  const at = (map: Map<string, number>, name: string): number => map.get(name) ?? Infinity;
  for (const root of names) {
    if (index.has(root)) continue;
    const work: { name: string; child: number }[] = [{ name: root, child: 0 }];
    for (let frame = work.at(-1); frame !== undefined; frame = work.at(-1)) {
      yield;
      const { name } = frame;
      if (frame.child === 0) {
        index.set(name, index.size);
        low.set(name, at(index, name));
        open.push(name);
        isOpen.add(name);
      }
      const other = next(name)[frame.child];
      frame.child += 1;
      if (other !== undefined) {
        if (!index.has(other)) work.push({ name: other, child: 0 });
        else if (isOpen.has(other)) low.set(name, Math.min(at(low, name), at(index, other)));
        continue;
      }
      work.pop();
      const parent = work.at(-1);
      if (parent !== undefined) low.set(parent.name, Math.min(at(low, parent.name), at(low, name)));
      if (at(low, name) !== at(index, name)) continue;
      const component = open.splice(open.lastIndexOf(name));
      for (const member of component) isOpen.delete(member);
      if (component.length > 1 || next(name).includes(name)) components.push(component);
    }
  }
  return components;
}
