// A file system that is soon full, for tests that run as root.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryDirectory } from './child.ts';
import { cleanUp } from './cleanup.ts';
import { idsOf } from './launch.ts';

/** A tmpfs of this many bytes at a directory of the test's own, for this user; null where that may not be mounted. */
export function smallDisk(t: TestContext, bytes: number, owner?: string): string | null {
  const directory = join(temporaryDirectory(t), 'disk');
  mkdirSync(directory);
  const [uid, gid] = owner === undefined ? [process.getuid?.() ?? 0, process.getgid?.() ?? 0] : idsOf(owner);
  const options = `size=${bytes},mode=755,uid=${uid},gid=${gid}`;
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]);
  if (mounted.status !== 0) return null;
  cleanUp(t, () => {
    assert.equal(spawnSync('umount', ['-l', directory]).status, 0, 'umount');
  });
  return directory;
}
