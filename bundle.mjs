// Makes dist of src, once tsc has found nothing wrong in it: the daemon in one file, the client in few. To load a module
// costs node more than to read its code, and the daemon has over a hundred of them.
//
// The client is CommonJS: node starts its loader of ES modules only when one is asked for, and most verbs ask for none.
// That is a tenth of all that `unitd status` takes. Its first file holds what the table of all units needs, and no more:
// node takes a millisecond to compile 50 KB. The other verbs have a file each, which they load at their start; what they
// share with it is in both, and so must not be a variable, nor a class that is asked for by name. The daemon would take
// longer as CommonJS.
//
// The files are named for what is in them and not for its hash, and nothing of ours is loaded late by the daemon, nor by
// a verb that waits but to say that it failed: a version may be installed in the place of one that runs.
import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';

const CLIENT = 'src/bin/unitd.ts';

/** Of what import() names: files of their own as ES modules, as they take packages or much code to load. */
const PARTS = ['src/bin/daemon.ts', 'src/cli/near-name.ts', 'src/cli/program.ts', 'src/cli/verbs/check.ts'];

/** And as CommonJS. All else that import() names is inlined. */
const VERBS = [
  'deps',
  'events',
  'logs',
  'operate',
  'plan',
  'reexec',
  'reload',
  'schema',
  'show',
  'signal',
  'wait',
];
const CLIENT_PARTS = [
  'src/cli/detach.ts',
  'src/cli/unit-story.ts',
  ...VERBS.map((verb) => `src/cli/verbs/${verb}.ts`),
];

/** @type {import('esbuild').Plugin} */
const filesOfTheirOwn = {
  name: 'files-of-their-own',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^\..*\.ts$/ }, ({ kind, path, resolveDir }) => {
      const file = relative(import.meta.dirname, join(resolveDir, path));
      if (kind !== 'dynamic-import') return null;
      if (PARTS.includes(file)) return { path: `./${nameOf(file)}.js`, external: true };
      return CLIENT_PARTS.includes(file) ? { path: `./${nameOf(file)}.cjs`, namespace: 'required' } : null;
    });
    // import() of a file that is external stays import(), which starts the loader of ES modules.
    onLoad({ filter: /^/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = require('${path}');`,
    }));
    onResolve({ filter: /^/, namespace: 'required' }, ({ path }) => ({ path, external: true }));
  },
};

/** @param {string} file */
function nameOf(file) {
  return file.replace(/^.*\/|\.ts$/g, '');
}

/** @param {readonly string[]} files @param {import('esbuild').BuildOptions} options */
async function bundle(files, options) {
  await build({
    absWorkingDir: import.meta.dirname,
    entryPoints: files.map((file) => ({ in: file, out: nameOf(file) })),
    outdir: 'dist/bin',
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20.19',
    // For `npm run coverage`, to name what was run by its file in src.
    sourcemap: process.argv[2] === '--source-map' && 'inline',
    logLevel: 'warning',
    plugins: [filesOfTheirOwn],
    ...options,
  });
}

rmSync(join(import.meta.dirname, 'dist'), { recursive: true, force: true });
await bundle([CLIENT, ...CLIENT_PARTS], {
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: { 'import.meta.dirname': '__dirname' },
});
await bundle(PARTS, { format: 'esm' });
