// Makes dist of src, once tsc has found nothing wrong in it: the daemon in one file, the client in another. To load a
// module costs node more than to read its code, and the daemon has over a hundred of them.
//
// The client is a CommonJS module: node starts its loader of ES modules only when one is asked for, and most verbs ask
// for none. That is a tenth of all that `unitd status` takes. The daemon would take longer in that form.
//
// The files are named for what is in them and not for its hash, and nothing of ours is loaded late by the daemon: a
// version may be installed in the place of one that runs.
import { rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'esbuild';

const CLIENT = 'src/bin/unitd.ts';

/** What import() names stays a file of its own where it takes packages or much code to load; else it is inlined. */
const PARTS = ['src/bin/daemon.ts', 'src/cli/near-name.ts', 'src/cli/program.ts', 'src/cli/verbs/check.ts'];

/** @type {import('esbuild').Plugin} */
const filesOfTheirOwn = {
  name: 'files-of-their-own',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\..*\.ts$/ }, ({ kind, path, resolveDir }) => {
      const file = relative(import.meta.dirname, join(resolveDir, path));
      if (kind !== 'dynamic-import' || !PARTS.includes(file)) return null;
      return { path: `./${nameOf(file)}.js`, external: true };
    });
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
await bundle([CLIENT], {
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: { 'import.meta.dirname': '__dirname' },
});
await bundle(PARTS, { format: 'esm' });
