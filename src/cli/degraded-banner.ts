// What is wrong with the unit files, above the summary of a status.
import { problemLine } from '../model/problem.ts';
import type { DaemonStatus } from '../wire/v1.ts';
import { problemCount } from './failure.ts';
import type { Screen } from './screen.ts';
import { oneColumnEach, printable, wrapped } from './text-width.ts';

const PROBLEMS_SHOWN = 10;

export function bannerLines(daemon: DaemonStatus, screen: Screen): readonly string[] {
  const { palette, unicode, width } = screen;
  const room = (width ?? Infinity) - 4;
  const sign = unicode ? '▲' : '!';
  const count = problemCount(daemon.problems) || 'something wrong';
  const head = daemon.degraded
    ? `${sign} degraded: ${count} in the unit files, their units stay as they were`
    : `${sign} ${count} in the unit files`;
  const shown = daemon.problems.slice(0, PROBLEMS_SHOWN);
  const left = daemon.problems.length - shown.length;
  return [
    ...wrapped(head, room, 3, oneColumnEach, screen).map((line) => palette.yellow(line)),
    ...shown.flatMap((problem) =>
      wrapped(printable(problemLine(problem)), room, 4, oneColumnEach, screen).map((line, at) =>
        at === 0 ? `  ${line}` : `    ${line}`,
      ),
    ),
    ...(left > 0 ? [palette.dim(`  and ${left} more: unitd check ${daemon.units}`)] : []),
  ];
}
