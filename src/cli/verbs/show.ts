// unitd show: the unit in the form of a unit file, every default filled in.
import type { UnitDocument } from '../../wire/v1.ts';
import { clientOf } from '../client.ts';
import { printJson } from '../context.ts';
import { failed } from '../report.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { explained, unitPath } from '../unit-path.ts';

export async function runShow(context: Context): Promise<ExitCode> {
  const client = clientOf(context.paths.socket);
  const reply = await client.get<UnitDocument>(unitPath(context.invocation.operands[0] ?? ''));
  if (!reply.ok) return failed(context, await explained(client, reply.failure));
  const { file, effective } = reply.value;
  if (context.json) printJson(context, effective);
  else {
    const { dump } = await import('js-yaml');
    const { dim } = context.out.palette;
    context.print(
      `${dim(`# ${file}, with its defaults`)}\n${dump(effective, { lineWidth: 100, noRefs: true })}`,
    );
  }
  return EXIT.done;
}
