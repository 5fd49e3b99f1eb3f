// What the name of a file in units.d says: a unit, something to pass over, or a mistake. It opens nothing.
import { DAEMON_LOG } from '../base/paths.ts';
import { UNIT_NAME } from '../model/unit.ts';

export type UnitFileName =
  | { readonly kind: 'unit'; readonly name: string }
  /** Hidden files, leftovers of editors and package managers, and whatever is not YAML, such as a README. */
  | { readonly kind: 'ignored' }
  | { readonly kind: 'invalid'; readonly message: string };

/** `fileName` is the last part of the path. */
export function unitNameOf(fileName: string): UnitFileName {
  if (isLeftover(fileName)) return { kind: 'ignored' };
  const match = /^(.*)\.(ya?ml)$/is.exec(fileName);
  const name = match?.[1];
  const extension = match?.[2];
  if (name === undefined || extension === undefined) return { kind: 'ignored' };
  const problem = (actual: string, expected: string): UnitFileName => ({
    kind: 'invalid',
    message: `cannot load unit file ${JSON.stringify(fileName)}: ${actual}, ${expected}`,
  });
  if (extension !== extension.toLowerCase()) {
    return problem(`its name ends in .${extension}`, `expected .${extension.toLowerCase()}`);
  }
  if (name.includes('@')) return problem('its name has an @', 'expected none: @ is reserved for templates');
  if (name.length > 128)
    return problem(`the unit's name has ${name.length} characters`, 'expected at most 128');
  if (!UNIT_NAME.test(name)) {
    return problem(
      `the unit's name is ${JSON.stringify(name)}`,
      'expected letters, digits, . _ and -, beginning with a letter or digit',
    );
  }
  if (`${name}.`.startsWith(`${DAEMON_LOG}.`)) {
    return problem(
      `the unit's name is ${JSON.stringify(name)}`,
      'expected another: in the directory of the logs, that is the log of the daemon',
    );
  }
  return { kind: 'unit', name };
}

/** Those that could pass for a unit's: most have another ending. */
function isLeftover(fileName: string): boolean {
  return /^\.|\.dpkg-/.test(fileName);
}
