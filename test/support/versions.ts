// Other versions of the program, installed side by side as a package manager would, with a link that says which one
// counts; and versions with something wrong or something to wait for.
import { cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { packageRoot } from '../../src/base/package-root.ts';
import { temporaryDirectory } from './child.ts';

export interface Versions {
  /** To start the daemon with: it goes through the link. */
  readonly program: string;
  /** Installs a version; `entry` is run before the real program. */
  install(version: string, entry?: string): Installed;
}

export interface Installed {
  /** Where it lies: its own package.json, dist and schemas. */
  readonly root: string;
  /** Makes it the one that counts. */
  use(): void;
}

/** Whether this process is asked by a trial, or is taking over: for entries. */
export const ASKED = "(process.env.UNITD_HANDOVER ?? '').startsWith('ask:')";
export const TAKING_OVER = "(process.env.UNITD_HANDOVER ?? '').startsWith('take:')";

export function versionsOf(t: TestContext): Versions {
  const directory = temporaryDirectory(t);
  const link = join(directory, 'current');
  let links = 0;
  return {
    program: join(link, 'dist/bin/unitd.cjs'),
    install: (version, entry = '') => {
      const root = join(directory, `unitd-${version}`);
      mkdirSync(root);
      for (const part of ['dist', 'schemas']) {
        cpSync(join(packageRoot(), part), join(root, part), { recursive: true });
      }
      symlinkSync(join(packageRoot(), 'node_modules'), join(root, 'node_modules'));
      const description = readFileSync(join(packageRoot(), 'package.json'), 'utf8');
      writeFileSync(
        join(root, 'package.json'),
        description.replace(/"version": ".*?"/, `"version": "${version}"`),
      );
      const program = join(root, 'dist/bin/unitd.cjs');
      renameSync(program, join(root, 'dist/bin/real.cjs'));
      writeFileSync(program, `${entry}\nrequire('./real.cjs');\n`);
      return {
        root,
        use: () => {
          const fresh = `${link}.${++links}`;
          symlinkSync(root, fresh);
          renameSync(fresh, link);
        },
      };
    },
  };
}
