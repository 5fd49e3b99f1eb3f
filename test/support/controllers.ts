// Whether a daemon that is started here gets the controllers of cgroup v2, and where a test that needs them runs if not.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownCgroup } from '../../src/os/cgroup-hierarchy.ts';
import { lackOf } from '../../src/os/controllers.ts';

/**
 * A reason to skip, or false. The tests are processes too: only the root of a hierarchy passes controllers on while
 * they are in it.
 */
export function withoutControllers(): string | false {
  const own = ownCgroup(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    readFileSync('/proc/self/cgroup', 'utf8'),
  );
  if (!own.ok) return own.reason;
  for (const controller of ['memory', 'cpu', 'pids', 'io'] as const) {
    const lack = lackOf(controller, own.directory);
    if (lack !== null) return lack;
  }
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync(join(own.directory, 'cgroup.type'))) return false;
  return `the tests themselves are in cgroup "${own.directory}", which therefore passes no controllers on`;
}
