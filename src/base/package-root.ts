// Where the installed package lies: schemas and man pages ship beside the compiled code.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

let found: string | undefined;

/** Absolute path of the folder that holds this package's package.json. */
export function packageRoot(): string {
  if (found === undefined) {
    let directory = import.meta.dirname;
    while (!existsSync(join(directory, 'package.json'))) {
      const parent = dirname(directory);
      if (parent === directory)
        throw new Error('cannot find package.json above the program: broken installation');
      directory = parent;
    }
    found = directory;
  }
  return found;
}
