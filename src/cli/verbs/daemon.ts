// unitd daemon: becomes the daemon, or with --detach leaves one in the background.
import type { Context } from '../context.ts';
import { parseDuration } from '../../base/duration.ts';
import { unknownChoice, usageFailure } from '../failure.ts';
import type { Reply } from '../failure.ts';
import { failed } from '../report.ts';
import type { DaemonRequest, RunDaemon } from '../run-daemon.ts';
import { given, valueOf } from '../verb-spec.ts';

const SHORTEST_INTERVAL_MS = 100;

export async function runDaemonVerb(context: Context, runDaemon: RunDaemon): Promise<number> {
  const interval = usageInterval(context);
  if (!interval.ok) return failed(context, interval.failure);
  const fence = fenceOf(context);
  if (!fence.ok) return failed(context, fence.failure);
  keepOwnersPermissions();
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
    usageIntervalMs: interval.value,
    fence: fence.value,
    makesUnits: valueOf(context.invocation, 'units') === undefined && !context.env['UNITD_UNITS'],
  });
}

/** Under a umask that takes something from the owner too, no user but root could use the files that they have made. */
function keepOwnersPermissions(): void {
  process.umask(process.umask(0o077) & 0o077);
}

function fenceOf({ invocation, env }: Context): Reply<DaemonRequest['fence']> {
  const option = valueOf(invocation, 'fence');
  const text = option ?? (env['UNITD_FENCE'] || 'auto');
  if (text === 'auto' || text === 'cgroup' || text === 'session') return { ok: true, value: text };
  const name = option === undefined ? 'UNITD_FENCE' : '--fence';
  return { ok: false, failure: usageFailure(unknownChoice(name, text, ['auto', 'cgroup', 'session'])) };
}

/** Milliseconds; null: never. */
function usageInterval({ invocation }: Context): Reply<number | null> {
  const text = valueOf(invocation, 'usage-interval') ?? '5s';
  const ms = text === 'infinity' ? null : parseDuration(text);
  if (text === 'infinity' || (ms !== null && ms >= SHORTEST_INTERVAL_MS)) return { ok: true, value: ms };
  const actual = ms === null ? 'not a duration' : 'too short';
  const message = `cannot read --usage-interval "${text}": ${actual}, expected at least 100ms, or "infinity"`;
  return { ok: false, failure: usageFailure(message) };
}
