// What is wrong with the unit files, above the summary of a status.
import { problemLine } from '../model/problem.ts';
import type { DaemonStatus } from '../wire/v1.ts';
import { problemCount } from './failure.ts';
import type { Screen } from './screen.ts';

const PROBLEMS_SHOWN = 10;

export function bannerLines(daemon: DaemonStatus, { palette, unicode }: Screen): readonly string[] {
  const sign = unicode ? '▲' : '!';
  const head = daemon.degraded
    ? `${sign} degraded: some unit files are not valid, their units stay as they were`
    : `${sign} unit files with warnings`;
  const shown = daemon.problems.slice(0, PROBLEMS_SHOWN);
  const left = daemon.problems.length - shown.length;
  const count = daemon.problems.length === 0 ? '' : ` (${problemCount(daemon.problems)})`;
  return [
    palette.yellow(palette.bold(head) + count),
    ...shown.map((problem) => `  ${problemLine(problem)}`),
    ...(left > 0 ? [palette.dim(`  and ${left} more: unitd check ${daemon.units}`)] : []),
  ];
}
