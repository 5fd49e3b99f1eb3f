// unitd daemon: becomes the daemon, or with --detach leaves one in the background.
import type { Context } from '../context.ts';
import type { Paths } from '../../base/paths.ts';
import { given, valueOf } from '../verb-spec.ts';

/** What the command line hands to the daemon; bin puts the two together. */
export interface DaemonRequest {
  readonly paths: Paths;
  readonly version: string;
  readonly socketGroup: string | null;
  readonly insecurePermissions: boolean;
  readonly usageIntervalMs: number | null;
}
export type RunDaemon = (request: DaemonRequest) => Promise<number>;

export async function runDaemonVerb(context: Context, runDaemon: RunDaemon): Promise<number> {
  if (given(context.invocation, 'detach')) {
    const { detachDaemon } = await import('../detach.ts');
    return detachDaemon(context);
  }
  const { programVersion } = await import('../program-version.ts');
  return runDaemon({
    paths: context.paths,
    version: programVersion(),
    socketGroup: valueOf(context.invocation, 'socket-group') ?? null,
    insecurePermissions: given(context.invocation, 'insecure-permissions'),
    usageIntervalMs: 5_000,
  });
}
