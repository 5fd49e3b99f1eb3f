// Where the cgroup v2 hierarchy can be reached from, and this process's own place in it, read out of
// /proc/self/mountinfo and /proc/self/cgroup (cgroups(7), proc_pid_mountinfo(5)). Pure: texts in, a directory out.

export type HierarchyResult =
  { readonly ok: true; readonly directory: string } | { readonly ok: false; readonly reason: string };

const NO_HIERARCHY = 'no cgroup v2 hierarchy is mounted';

/** mountinfo writes blanks, tabs, newlines and backslashes as three octal digits. */
function unescaped(word: string): string {
  return word.replaceAll(/\\([0-7]{3})/g, (_match, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

interface Mount {
  /** What of the hierarchy is mounted. */
  readonly root: string;
  readonly point: string;
  readonly isWritable: boolean;
}

function mounts(mountinfo: string): readonly Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [mount = '', source = ''] = line.split(' - ', 2);
    const [, , , root, point, options] = mount.split(' ');
    const [type, , superOptions] = source.split(' ');
    if (type !== 'cgroup2' || root === undefined || point === undefined) return [];
    const isWritable = [options, superOptions].every((words) => words?.split(',').includes('rw') === true);
    return [{ root: unescaped(root), point: unescaped(point), isWritable }];
  });
}

/** The top of what can be seen of the hierarchy: a controller that is not there is nowhere below it. */
export function hierarchyTop(mountinfo: string): HierarchyResult {
  const [mount] = mounts(mountinfo);
  if (mount === undefined) return { ok: false, reason: NO_HIERARCHY };
  return { ok: true, directory: mount.point };
}

/** The part of `path` below `root`; null when it does not lie there. */
function below(root: string, path: string): string | null {
  if (root === '/') return path === '/' ? '' : path;
  return path === root || path.startsWith(`${root}/`) ? path.slice(root.length) : null;
}

/** The directory of the reading process's own cgroup. `own`: its /proc/self/cgroup. */
export function ownCgroup(mountinfo: string, own: string): HierarchyResult {
  const line = own.split('\n').find((entry) => entry.startsWith('0::'));
  const all = mounts(mountinfo);
  if (line === undefined || all.length === 0) return { ok: false, reason: NO_HIERARCHY };
  const path = line.slice('0::'.length);
  // Outside of the cgroup namespace, or removed behind our back.
  if (path.startsWith('/..') || path.endsWith(' (deleted)')) {
    return { ok: false, reason: `the daemon's own cgroup "${path}" is out of reach` };
  }
  for (const { root, point, isWritable } of all) {
    const rest = below(root, path);
    if (rest !== null && isWritable) return { ok: true, directory: `${point}${rest}` };
  }
  const points = all.map(({ point }) => `"${point}"`).join(', ');
  return {
    ok: false,
    reason: `the cgroup v2 hierarchy at ${points} is read-only or does not hold the daemon`,
  };
}
