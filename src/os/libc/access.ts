// Who may do what with a file: access(2), and lists of who may.
import { bound } from '../libc.ts';

const access = bound<(path: string, mode: number) => number>('int access(const char *path, int mode)');
const getxattr = bound<(path: string, name: string, value: null, size: number) => number | bigint>(
  'long getxattr(const char *path, const char *name, void *value, size_t size)',
);

const X_OK = 1;

/** Whether this process may execute (or search) `path`: access(2) with the real ids. */
export function mayExecute(path: string): boolean {
  return access(path, X_OK) === 0;
}

/** Whether mode bits alone do not tell who may use `path`. */
export function hasAccessList(path: string): boolean {
  return Number(getxattr(path, 'system.posix_acl_access', null, 0)) > 0;
}
