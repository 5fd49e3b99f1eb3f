// unitd deps: the tree of what units need, or with --reverse of what needs them.
import type { GraphDocument } from '../../wire/v1.ts';
import { clientOf } from '../client.ts';
import { printJson } from '../context.ts';
import { failed } from '../report.ts';
import type { Context } from '../context.ts';
import { graphOf, rootsOf, treesText } from '../dependency-tree.ts';
import type { Graph } from '../dependency-tree.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { unknownAmong } from '../unit-path.ts';
import { given } from '../verb-spec.ts';

export async function runDeps(context: Context): Promise<ExitCode> {
  const client = clientOf(context.paths.socket);
  const reply = await client.get<GraphDocument>('/v1/units');
  if (!reply.ok) return failed(context, reply.failure);
  const reverse = given(context.invocation, 'reverse');
  const graph = graphOf(reply.value.units, reverse);
  const asked = context.invocation.operands;
  const failure = await unknownAmong(client, asked, graph.units);
  if (failure !== null) return failed(context, failure);
  if (context.json) {
    const kept = asked.length === 0 ? null : reachable(graph, asked);
    const units = reply.value.units.filter(({ name }) => kept === null || kept.has(name));
    printJson(context, { ...reply.value, units });
    return EXIT.done;
  }
  const loners = [...graph.units.keys()].filter((name) => (graph.edges.get(name) ?? []).length === 0);
  const roots = asked.length === 0 ? rootsOf(graph) : asked;
  if (asked.length === 0 && loners.length === graph.units.size) {
    context.note(graph.units.size === 0 ? 'no units\n' : 'no unit names another one\n');
    return EXIT.done;
  }
  context.print(treesText(graph, roots, context.out));
  for (const name of asked.filter((unit) => loners.includes(unit)))
    context.note(reverse ? `no other unit names ${name}\n` : `${name} names no other unit\n`);
  return EXIT.done;
}

function reachable(graph: Graph, from: readonly string[]): ReadonlySet<string> {
  const seen = new Set(from);
  // A Set is walked on to what is added meanwhile.
  for (const name of seen) for (const { to } of graph.edges.get(name) ?? []) seen.add(to);
  return seen;
}
