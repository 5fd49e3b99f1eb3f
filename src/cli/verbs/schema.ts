// unitd schema: the JSON Schema of unit files, or of a document that --json prints.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../base/package-root.ts';
import { failed } from '../report.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { usageFailure } from '../failure.ts';
import { either } from '../verb-spec.ts';

const DOCUMENTS = ['unit', 'status', 'plan', 'event', 'problem'];

export async function runSchema(context: Context): Promise<ExitCode> {
  const name = context.invocation.operands[0] ?? 'unit';
  if (!DOCUMENTS.includes(name)) {
    const message = `cannot print schema "${name}": no such schema, expected ${either(DOCUMENTS)}`;
    return failed(context, usageFailure(message));
  }
  context.print(readFileSync(join(packageRoot(), 'schemas', `${name}.schema.json`), 'utf8'));
  return EXIT.done;
}
