// unitd daemon: becomes the daemon, or with --detach leaves one in the background.
import type { Context } from '../context.ts';
import { parseDuration } from '../../base/duration.ts';
import { EXIT } from '../exit-code.ts';
import type { RunDaemon } from '../run-daemon.ts';
import { given, valueOf } from '../verb-spec.ts';

const SHORTEST_INTERVAL_MS = 100;

export async function runDaemonVerb(context: Context, runDaemon: RunDaemon): Promise<number> {
  const usageIntervalMs = usageInterval(context);
  if (usageIntervalMs === undefined) return EXIT.usage;
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
    usageIntervalMs,
    makesUnits: valueOf(context.invocation, 'units') === undefined && !context.env['UNITD_UNITS'],
  });
}

/** Milliseconds, null for never; undefined when it is no such thing, which has been said. */
function usageInterval({ invocation, err, note }: Context): number | null | undefined {
  const text = valueOf(invocation, 'usage-interval') ?? '5s';
  const ms = text === 'infinity' ? null : parseDuration(text);
  if (text === 'infinity' || (ms !== null && ms >= SHORTEST_INTERVAL_MS)) return ms;
  const expected = 'expected a duration of at least 100ms, or "infinity"';
  note(`${err.palette.red('unitd:')} cannot start daemon: --usage-interval is "${text}", ${expected}\n`);
  return undefined;
}
