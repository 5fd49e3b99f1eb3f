// No supervisor, but what none can be faster than: a C loop of posix_spawn and waitpid (spawn-floor.c).
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiled } from '../stamps.ts';
import type { Peer } from './peer.ts';
import { missingPrograms } from './peer.ts';

export const floor: Peer = {
  name: 'C floor',
  missing: () => missingPrograms('cc'),
  configure: (root, jobs) => {
    const list = join(root, 'list');
    writeFileSync(list, jobs.map(({ argv }) => `${argv.join(' ')}\n`).join(''));
    const program = compiled(root, 'spawn-floor');
    if (program === null) throw new Error('cannot compile spawn-floor.c');
    return { daemon: [program, list], env: {}, status: null, reload: null, endsBySignal: false };
  },
  logWays: [],
};
