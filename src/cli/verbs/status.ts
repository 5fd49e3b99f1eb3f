// unitd status: the table of all units, or the whole story of some.
import type { StatusDocument, UnitDocument, UnitStatus } from '../../wire/v1.ts';
import { clientOf } from '../client.ts';
import type { Client } from '../client.ts';
import { printJson } from '../context.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { Failure } from '../failure.ts';
import { isWell } from '../state-look.ts';

export async function runStatus(context: Context): Promise<ExitCode> {
  const client = clientOf(context.paths.socket);
  const names = [...new Set(context.invocation.operands)];
  return names.length === 0 ? allUnits(context, client) : someUnits(context, client, names);
}

async function allUnits(context: Context, client: Client): Promise<ExitCode> {
  const asked = client.get<StatusDocument>('/v1/status');
  // Loaded while the daemon answers.
  const table = context.json ? null : await import('../status-table.ts');
  const reply = await asked;
  if (!reply.ok) return failedTo(context, reply.failure);
  if (table === null) printJson(context, reply.value);
  else {
    const { statusScreen } = table;
    const { units, daemon } = reply.value;
    context.print(await statusScreen(reply.value, context.out, context.now()));
    if (units.length === 0) context.note(`no units, unit files go to ${daemon.units}\n`);
  }
  return exitCodeOf(reply.value.units);
}

async function someUnits(context: Context, client: Client, names: readonly string[]): Promise<ExitCode> {
  const { unitPath, explained } = await import('../unit-path.ts');
  const { inTurns } = await import('../in-turns.ts');
  const replies = await inTurns(names, async (name) => client.get<UnitDocument>(unitPath(name)));
  const stories = replies.flatMap((reply) => (reply.ok ? [reply.value] : []));
  let worst: ExitCode = EXIT.done;
  for (const reply of replies) {
    if (reply.ok) continue;
    const failure = await explained(client, reply.failure);
    // One document on stdout: what is known of the others, or else why nothing is.
    const isAlone: boolean = stories.length === 0 && worst === EXIT.done;
    worst = isAlone ? await failedTo(context, failure) : await complainedOf(context, failure);
    if (worst !== EXIT.noSuchUnit) return worst;
  }
  const units = stories.map(({ unit }) => unit);
  if (stories.length === 0) return worst;
  if (context.json) {
    const status = await client.get<StatusDocument>('/v1/status');
    if (!status.ok) return failedTo(context, status.failure);
    printJson(context, { ...status.value, units, details: stories });
  } else {
    const { printStories } = await import('../unit-story.ts');
    await printStories(context, client, stories);
  }
  return worst === EXIT.done ? exitCodeOf(units) : worst;
}

// Loaded when it is needed: a status that succeeds is the command that is run most.
async function failedTo(context: Context, failure: Failure): Promise<ExitCode> {
  const { failed } = await import('../report.ts');
  return failed(context, failure);
}

async function complainedOf(context: Context, failure: Failure): Promise<ExitCode> {
  const { complained } = await import('../report.ts');
  return complained(context, failure);
}

function exitCodeOf(units: readonly UnitStatus[]): ExitCode {
  return units.some((unit) => unit.wanted === 'up' && !isWell(unit)) ? EXIT.notUp : EXIT.done;
}
