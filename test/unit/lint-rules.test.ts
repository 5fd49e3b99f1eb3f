// The lint rules that guard the house style are on: each seeded breach is found, and the clean file is not.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../src/base/package-root.ts';
import { temporaryDirectory } from '../support/child.ts';

const BREACHES: readonly (readonly [rule: string, file: string, text: string])[] = [
  [
    'typescript(no-floating-promises)',
    'src/os/floating.ts',
    'export function f(): void { Promise.resolve(1); }',
  ],
  [
    'typescript(no-misused-promises)',
    'src/os/misused.ts',
    'export const f = (): void => { [1].forEach(async (n) => { await Promise.resolve(n); }); };',
  ],
  [
    'typescript(switch-exhaustiveness-check)',
    'src/os/switch.ts',
    "export function f(x: 'a' | 'b'): number { switch (x) { case 'a': return 1; } return 2; }",
  ],
  ['typescript(no-explicit-any)', 'src/os/any.ts', 'export const f = (x: any): unknown => x;'],
  [
    'typescript(prefer-readonly)',
    'src/os/readonly.ts',
    'export class A { #a = 1; get a(): number { return this.#a; } }',
  ],
  ['import(no-default-export)', 'src/os/default.ts', 'export default 1;'],
  ['eslint(no-console)', 'src/os/console.ts', "console.log('x');"],
  ['unicorn(no-process-exit)', 'src/daemon/exit.ts', 'process.exit(1);'],
  [
    'import(no-cycle)',
    'src/os/cycle-a.ts',
    "import { b } from './cycle-b.ts';\nexport const a = (): number => b;",
  ],
  [
    'import(no-cycle)',
    'src/os/cycle-b.ts',
    "import { a } from './cycle-a.ts';\nexport const b: number = a();",
  ],
  ['eslint(no-restricted-imports)', 'src/os/door.ts', "import koffi from 'koffi';\nexport const k = koffi;"],
  [
    'eslint(no-restricted-imports)',
    'src/core/node.ts',
    "import { join } from 'node:path';\nexport const j = join;",
  ],
  [
    'eslint(no-restricted-imports)',
    'src/config/fs.ts',
    "import { statSync } from 'node:fs';\nexport const s = statSync;",
  ],
  ['eslint(no-restricted-globals)', 'src/core/clock.ts', 'export const now = (): number => Date.now();'],
  [
    'eslint(no-restricted-globals)',
    'src/core/timer.ts',
    'export const f = (): void => void setTimeout(f, 1);',
  ],
  ['eslint(no-restricted-globals)', 'src/core/process.ts', 'export const p = process.pid;'],
  ['eslint(no-restricted-properties)', 'src/core/random.ts', 'export const r = (): number => Math.random();'],
  [
    'oxc(no-async-await)',
    'src/core/async.ts',
    'export const f = async (): Promise<number> => await g();\ndeclare const g: () => PromiseLike<number>;',
  ],
];

const ALLOWED: readonly (readonly [file: string, text: string])[] = [
  ['src/os/libc.ts', "import koffi from 'koffi';\nexport const k = koffi;"],
  ['src/bin/exit.ts', 'process.exit(1);'],
  ['src/cli/console.ts', "console.log('x');"],
];

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

test('oxlint finds each seeded breach of the house style, and allows what the style allows', (t) => {
  const root = temporaryDirectory(t);
  symlinkSync(join(packageRoot(), 'node_modules'), join(root, 'node_modules'));
  for (const file of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
    copyFileSync(join(packageRoot(), file), join(root, file));
  const files = new Map([...BREACHES.map(([, path, content]) => [path, content] as const), ...ALLOWED]);
  for (const [file, text] of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), `${text}\n`);
  }

  const oxlint = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['--type-aware', '--format=json', 'src'], {
    cwd: root,
    encoding: 'utf8',
  });

  const { diagnostics }: { diagnostics: Diagnostic[] } = JSON.parse(oxlint.stdout);
  const found = diagnostics.map(({ code, filename }) => `${code} ${filename}`);
  for (const [rule, file] of BREACHES)
    assert(found.includes(`${rule} ${file}`), `${rule} in ${file}; found:\n${found.join('\n')}`);
  assert.deepEqual(
    found.filter((one) => ALLOWED.some(([file]) => one.endsWith(` ${file}`))),
    [],
  );
});
