// What a user is told whose own daemon is not there, and who may have meant that of root, which has its own directories.
import { existsSync } from 'node:fs';
import { SYSTEM_RUNTIME } from '../base/paths.ts';
import type { Context } from './context.ts';
import { EXIT } from './exit-code.ts';
import type { Failure } from './failure.ts';

/** Lines as the hints of a failure. */
export function hintsOnRoot(
  { exitCode }: Failure,
  { uid, env, invocation }: Pick<Context, 'uid' | 'env' | 'invocation'>,
  exists: (path: string) => boolean = existsSync,
): readonly string[] {
  const { options, verb } = invocation;
  const isElsewhere = [
    options['socket'],
    options['runtime-dir'],
    env['UNITD_SOCKET'],
    env['UNITD_RUNTIME_DIR'],
  ];
  // Nobody else may look into that directory; it stays when the daemon has ended.
  if (exitCode !== EXIT.unreachable || uid === 0 || isElsewhere.some(Boolean) || !exists(SYSTEM_RUNTIME))
    return [];
  return [`if that of root was meant: sudo unitd ${verb}`];
}
