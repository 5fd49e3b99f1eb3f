// The way that a symbolic link leads: which name is looked up in which directory, as path_resolution(7) has it. Whoever may
// change one of these directories decides where the link ends. Judges nothing.
import { lstatSync, readlinkSync, realpathSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Step {
  /** By its real name. */
  readonly directory: string;
  /** What was found there: a directory, one more link, or the end of the way. */
  readonly found: Stats;
}

/** As many as the kernel follows. */
const MOST_LINKS = 40;

/** Nothing for what is no link. Throws what the system says of a way that ends nowhere. */
export function* wayOf(path: string): Generator<Step> {
  if (!lstatSync(path).isSymbolicLink()) return;
  let at = realpathSync(dirname(path));
  const rest: string[] = [];
  const follow = (link: string): void => {
    const target = readlinkSync(link);
    if (target.startsWith('/')) at = '/';
    rest.unshift(...target.split('/'));
  };
  follow(path);
  let links = 1;
  for (let name = rest.shift(); name !== undefined && links <= MOST_LINKS; name = rest.shift()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = dirname(at);
      continue;
    }
    const next = join(at, name);
    const found = lstatSync(next);
    yield { directory: at, found };
    if (found.isSymbolicLink()) {
      links += 1;
      follow(next);
    } else at = next;
  }
}
