// The graph of units as trees: what needs what, and how that is doing. A subtree is drawn once.
import { DEPENDENCY_FIELDS } from '../model/unit.ts';
import type { DependencyField } from '../model/unit.ts';
import type { GraphUnit } from '../wire/v1.ts';
import type { Screen } from './screen.ts';
import { statePaint, stateSymbol } from './state-look.ts';
import { stateWords } from './status-table.ts';
import { ellipsisOn, printable, truncated, twoColumnsAtMost } from './text-width.ts';
import { treeLines } from './tree-lines.ts';
import type { TreeNode } from './tree-lines.ts';

/** Fields that say whom a unit needs; only these are followed, the others are shown and end there. */
const NEEDS: readonly DependencyField[] = ['requires', 'wants', 'requisite', 'bindsTo', 'upholds'];

interface Edge {
  readonly to: string;
  readonly fields: readonly DependencyField[];
}

export interface Graph {
  readonly units: ReadonlyMap<string, GraphUnit>;
  readonly edges: ReadonlyMap<string, readonly Edge[]>;
}

/** `reverse`: edges lead from a unit to those whose files name it. */
export function graphOf(units: readonly GraphUnit[], reverse: boolean): Graph {
  const collected = new Map<string, Map<string, DependencyField[]>>(
    units.map(({ name }) => [name, new Map()]),
  );
  for (const unit of units) {
    for (const field of DEPENDENCY_FIELDS) {
      for (const other of unit.dependencies[field] ?? []) {
        const [from, to] = reverse ? [other, unit.name] : [unit.name, other];
        const edges = collected.get(from);
        if (edges === undefined) continue;
        const fields = edges.get(to);
        if (fields === undefined) edges.set(to, [field]);
        else fields.push(field);
      }
    }
  }
  const edges = new Map(
    [...collected].map(([from, tos]) => [from, [...tos].map(([to, fields]) => ({ to, fields }))] as const),
  );
  return { units: new Map(units.map((unit) => [unit.name, unit])), edges };
}

/** Units that nothing else leads to, and one of each ring that nothing leads into. */
export function rootsOf(graph: Graph): readonly string[] {
  const reached = new Set<string>();
  for (const edges of graph.edges.values()) {
    for (const { to, fields } of edges) if (fields.some(isNeed)) reached.add(to);
  }
  const roots = [...graph.units.keys()].filter((name) => !reached.has(name));
  const seen = new Set<string>();
  for (const root of roots) visit(graph, root, seen);
  for (const name of graph.units.keys()) {
    if (seen.has(name)) continue;
    roots.push(name);
    visit(graph, name, seen);
  }
  return roots;
}

function visit(graph: Graph, from: string, seen: Set<string>): void {
  const pending = [from];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const { to, fields } of graph.edges.get(name) ?? []) if (fields.some(isNeed)) pending.push(to);
  }
}

/** Line feeds included. A reason that is wider than the terminal is cut: a line that wraps tears the tree. */
export function treesText(graph: Graph, roots: readonly string[], screen: Screen): string {
  const drawn = new Set<string>();
  return roots
    .map(
      (root) =>
        `${treeLines(nodeOf(graph, { to: root, fields: [] }, 0, drawn, screen), screen).join('\n')}\n`,
    )
    .join('');
}

const SEE_ABOVE = ' (see above)';
/** Deeper, a tree is no picture any more, and a chain of thousands would exhaust the stack. */
const MOST_DEPTH = 40;

function nodeOf(graph: Graph, edge: Edge, depth: number, drawn: Set<string>, screen: Screen): TreeNode {
  const { palette } = screen;
  const kind = edge.fields.length === 0 ? '' : ` (${edge.fields.join(', ')})`;
  const kinds = palette.dim(kind);
  const unit = graph.units.get(edge.to);
  if (unit === undefined)
    return { text: `? ${edge.to}${kinds} ${palette.red('no such unit')}`, children: [] };
  const paint = statePaint(unit, palette);
  const words = stateWords({ ...unit, held: false });
  const edges = graph.edges.get(edge.to) ?? [];
  const followed = edge.fields.length === 0 || edge.fields.some(isNeed);
  const isAbove = followed && edges.length > 0 && drawn.has(edge.to);
  const above = isAbove ? `${SEE_ABOVE}${screen.unicode ? ' ↑' : ''}` : '';
  const taken = `${'   '.repeat(depth)}? ${edge.to}${kind} ${words}: ${above}`.length;
  const room = screen.width === null ? Infinity : Math.max(12, screen.width - taken);
  const reason = unit.ready ? '' : truncated(printable(unit.reason), room, twoColumnsAtMost, screen);
  const why = reason === '' ? '' : `: ${reason}`;
  const symbol = paint(stateSymbol(unit, screen));
  const text = `${symbol} ${edge.to}${kinds} ${paint(words)}${why}${palette.dim(above)}`;
  if (!followed || edges.length === 0 || isAbove) return { text, children: [] };
  if (depth === MOST_DEPTH) {
    const more = `${ellipsisOn(screen)} and on from ${edge.to}`;
    return { text, children: [{ text: palette.dim(more), children: [] }] };
  }
  drawn.add(edge.to);
  return { text, children: edges.map((next) => nodeOf(graph, next, depth + 1, drawn, screen)) };
}

export function isNeed(field: DependencyField): boolean {
  return NEEDS.includes(field);
}
