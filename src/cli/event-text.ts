// Events as people read them: time, unit, what happened, one a line.
import { shortSpan } from '../base/relative-time.ts';
import type { EventLine } from '../wire/v1.ts';
import { clockTime } from './local-time.ts';
import { counted, shortBytes, shortPercent } from './quantities.ts';
import type { Screen } from './screen.ts';
import { statePaint, stateSymbol } from './state-look.ts';
import { printable } from './text-width.ts';

const NAME_COLUMNS = 16;

export function eventText(event: EventLine, screen: Screen): string {
  const { palette } = screen;
  const name = 'unit' in event ? event.unit : 'unitd';
  const head = `${palette.dim(clockTime(Date.parse(event.at)))} ${palette.bold(name.padEnd(NAME_COLUMNS))}`;
  return `${head} ${happening(event, screen)}`;
}

function happening(event: EventLine, screen: Screen): string {
  const { palette } = screen;
  const arrow = palette.dim(screen.unicode ? '→' : '->');
  switch (event.type) {
    case 'state': {
      const look = { state: event.to, ready: event.ready };
      const paint = statePaint(look, palette);
      const to = `${paint(stateSymbol(look, screen))} ${paint(event.to === 'running' && !event.ready ? 'running, not ready' : event.to)}`;
      const change =
        event.from === null || event.from === event.to ? to : `${palette.dim(event.from)} ${arrow} ${to}`;
      return event.reason === '' || event.reason === event.to
        ? change
        : `${change}  ${printable(event.reason)}`;
    }
    case 'exit': {
      const { text, uptimeMs } = event.exit;
      return uptimeMs > 0 ? `${printable(text)} after ${shortSpan(uptimeMs)}` : printable(text);
    }
    case 'usage': {
      const { cpuPercent, memoryBytes, tasks } = event.usage;
      return palette.dim(
        `cpu ${shortPercent(cpuPercent)}  memory ${shortBytes(memoryBytes)}  tasks ${tasks}`,
      );
    }
    case 'removed':
      return 'its file is gone';
    case 'log': {
      const dropped = event.droppedLines === 0 ? '' : ` (${counted(event.droppedLines, 'line')} dropped)`;
      return event.problem === null
        ? `its log is written again${dropped}`
        : palette.yellow(`its log: ${printable(event.problem)}${dropped}`);
    }
    case 'reload': {
      const problems = event.problems === 0 ? '' : palette.red(`, ${counted(event.problems, 'problem')}`);
      return `reloaded, plan ${event.plan}: ${event.moved} moved${problems}`;
    }
    case 'daemon':
      return event.phase === 'ready'
        ? palette.green('the daemon is ready')
        : palette.yellow(`the daemon is ${event.phase === 'stopping' ? 'stopping' : 'being replaced'}`);
    case 'lost':
      return palette.yellow(`${counted(event.count, 'event')} lost: read too slowly`);
  }
}
