// The whole story of a unit, as `unitd status UNIT` tells it.
import { relativeTo, shortSpan } from '../base/relative-time.ts';
import type { DependencyStatus, LogLine, ProcessNode, UnitDocument } from '../wire/v1.ts';
import type { Client } from './client.ts';
import type { Context } from './context.ts';
import { isNeed } from './dependency-tree.ts';
import { dateAndTime } from './local-time.ts';
import { inTurns } from './in-turns.ts';
import { logText } from './log-text.ts';
import { counted, shortBytes, shortPercent, sparkline } from './quantities.ts';
import type { Screen } from './screen.ts';
import { statePaint, stateSymbol } from './state-look.ts';
import { stateWords } from './status-table.ts';
import { ellipsisOn, measureFor, printable, truncated, wrapped } from './text-width.ts';
import type { Measure } from './text-width.ts';
import { treeLines } from './tree-lines.ts';
import type { TreeNode } from './tree-lines.ts';
import { unitPath } from './unit-path.ts';

const LOG_LINES = 10;
const LABEL = 11;
const SPARK_COLUMNS = 20;
/** What stands before the bars of a row of usage. */
const FIGURE_COLUMNS = 28;
const MOST_LINES = 6;

export async function printStories(
  context: Context,
  client: Client,
  stories: readonly UnitDocument[],
): Promise<void> {
  const texts = await inTurns(stories, async (story) =>
    storyText(story, await lastLines(client, story.unit.name), context.out, context.now()),
  );
  context.print(texts.join('\n'));
}

async function lastLines(client: Client, name: string): Promise<readonly LogLine[]> {
  const lines: LogLine[] = [];
  const path = `${unitPath(name, 'logs')}?lines=${LOG_LINES}`;
  await client.stream<LogLine>(path, (line) => lines.push(line), new AbortController().signal);
  return lines;
}

export async function storyText(
  story: UnitDocument,
  logLines: readonly LogLine[],
  screen: Screen,
  nowMs: number,
): Promise<string> {
  const { unit } = story;
  const { palette } = screen;
  const measure = await measureFor([
    unit.description,
    unit.reason,
    ...story.processes.map(({ command }) => command),
    ...[...story.dependencies, ...story.dependents].map(({ reason }) => reason),
  ]);
  const room = screen.width === null ? Infinity : screen.width - LABEL - 2;
  const page: Page = { screen, room, measure };
  const paint = statePaint(unit, palette);
  const title = `${paint(stateSymbol(unit, screen))} ${palette.bold(unit.name)}`;
  const description = printable(unit.description);
  const fits = screen.width === null || measure(`  ${unit.name}  ${description}`) <= screen.width;
  const lines = [fits && description !== '' ? `${title}  ${description}` : title];
  const tell = (label: string, ...texts: readonly string[]): void => {
    texts.forEach((text, at) => {
      lines.push(`${palette.dim((at === 0 ? label : '').padStart(LABEL))}  ${text}`.trimEnd());
    });
  };

  if (!fits) tell('', ...linesOf(description, page));
  const state = stateWords({ ...unit, held: false });
  const head = { text: paint(state), columns: state.length, indent: 0 };
  tell('state', ...hanging(head, sinceText(story, nowMs), page));
  if (unit.reason !== '' && !(unit.ready && !unit.held))
    tell('why', ...linesOf(printable(unit.reason), page));
  if (unit.held) {
    const [word, end] = unit.wanted === 'down' ? ['stop', 'start'] : ['start', 'stop'];
    const text = `an operator's ${word} holds, until: unitd ${end} ${unit.name} (or release)`;
    tell('held', ...linesOf(text, page).map(palette.yellow));
  }
  tell('type', unit.type + (unit.wanted === 'up' ? '' : ', not wanted up'));
  tell('file', printable(story.file));
  if (story.effective['command'] !== undefined) {
    tell('command', ...linesOf(printable(commandText(story.effective['command'])), page, 4));
  }
  const documentation = story.effective['documentation'];
  if (Array.isArray(documentation)) tell('docs', ...documentation.map((uri) => printable(String(uri))));
  const tree = processTree(story.processes, unit.pid, page);
  if (tree.length > 0) tell('processes', ...tree.flatMap((root) => treeLines(root, screen)));
  if (unit.fence !== null) tell('fence', fenceText(story));
  tell('usage', ...usageLines(story, page));
  const told = (others: readonly DependencyStatus[], needed: boolean): readonly string[] =>
    others.filter(({ field }) => isNeed(field) === needed).flatMap((other) => neighbour(other, page));
  tell('needs', ...told(story.dependencies, true));
  tell('names', ...told(story.dependencies, false));
  tell('needed by', ...told(story.dependents, true));
  tell('named by', ...told(story.dependents, false));
  tell('restarts', ...historyLines(story, page, nowMs));
  tell('logs', ...logFacts(story, page));
  if (logLines.length > 0) {
    const shown = logLines.map((line) => ({ ...line, text: shortened(line.text, screen) }));
    lines.push('', ...shown.map((line) => logText(line, { times: 'clock', names: null }, screen)));
  }
  return `${lines.join('\n')}\n`;
}

/** A single line may be of megabytes, under which the rest of the story would be lost. */
function shortened(text: string, screen: Screen): string {
  const most = screen.width === null ? Infinity : MOST_LINES * screen.width;
  const ellipsis = ellipsisOn(screen);
  return text.length > most ? text.slice(0, most - ellipsis.length) + ellipsis : text;
}

/** What is right of the labels. Paths stand whole whatever its width: they are there to be copied. */
interface Page {
  readonly screen: Screen;
  readonly room: number;
  readonly measure: Measure;
}

function linesOf(text: string, { screen, room, measure }: Page, mostLines = MOST_LINES): readonly string[] {
  return wrapped(text, room, mostLines, measure, screen);
}

/** `text` after a head that is painted and `columns` wide, wrapped and set in as far as the head's `indent`. */
function hanging(
  head: { readonly text: string; readonly columns: number; readonly indent: number },
  text: string,
  page: Page,
): readonly string[] {
  const filler = '\u00b7'.repeat(head.columns - head.indent);
  const narrower = { ...page, room: Math.max(12, page.room - head.indent) };
  const [first = '', ...rest] = linesOf(filler + text, narrower);
  const inset = ' '.repeat(head.indent);
  if (!first.startsWith(filler)) {
    const below = linesOf(text.trimStart(), narrower);
    return [head.text, ...below.map((line) => inset + line)];
  }
  return [head.text + first.slice(filler.length), ...rest.map((line) => inset + line)];
}

function fenceText({ unit, cgroup }: UnitDocument): string {
  return cgroup === null ? String(unit.fence) : `${unit.fence} ${cgroup}`;
}

function sinceText({ unit }: UnitDocument, nowMs: number): string {
  if (unit.state === 'backoff' && unit.nextStartAt !== null) {
    return `, next start ${relativeTo(nowMs, Date.parse(unit.nextStartAt))}`;
  }
  const ms = Date.parse(unit.stateSince);
  return ` for ${shortSpan(nowMs - ms)}, since ${dateAndTime(ms)}`;
}

/** As a shell would read it. */
function commandText(command: unknown): string {
  if (!Array.isArray(command)) return String(command);
  return command
    .map(String)
    .map((word) => (/^[\w@%+=:,./${}-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}

function processTree(
  processes: readonly ProcessNode[],
  mainPid: number | null,
  { screen, room, measure }: Page,
): readonly TreeNode[] {
  const known = new Set(processes.map(({ pid }) => pid));
  const node = (process: ProcessNode, depth: number): TreeNode => {
    const main = process.pid === mainPid && processes.length > 1 ? ' (main)' : '';
    const text = `${process.pid} ${printable(process.command)}`;
    return {
      text: truncated(text, Math.max(12, room - main.length - depth * 3), measure, screen) + main,
      children: processes
        .filter(({ parentPid, pid }) => parentPid === process.pid && pid !== process.pid)
        .map((child) => node(child, depth + 1)),
    };
  };
  return processes.filter(({ parentPid }) => !known.has(parentPid)).map((process) => node(process, 0));
}

function usageLines({ unit, usage }: UnitDocument, page: Page): readonly string[] {
  const { screen, room } = page;
  const { palette } = screen;
  const bars = Math.min(SPARK_COLUMNS, room - FIGURE_COLUMNS);
  if (unit.usage === null) {
    if (usage.peakTasks === 0) return [];
    const peaks = `peak ${shortPercent(usage.peakCpuPercent)} CPU, ${shortBytes(usage.peakMemoryBytes)} memory, ${counted(usage.peakTasks, 'task')}`;
    return linesOf(peaks, page).map(palette.dim);
  }
  const row = (name: string, now: string, peak: string, values: readonly number[]): string => {
    const spark =
      screen.unicode && values.length > 1 && bars > 1 ? `  ${palette.cyan(sparkline(values, bars))}` : '';
    return `${name.padEnd(6)} ${now.padStart(6)}  ${palette.dim(`peak ${peak.padStart(6)}`)}${spark}`;
  };
  const { samples } = usage;
  const { cpuPercent, memoryBytes, tasks } = unit.usage;
  return [
    row(
      'cpu',
      shortPercent(cpuPercent),
      shortPercent(usage.peakCpuPercent),
      samples.map((sample) => sample.cpuPercent),
    ),
    row(
      'memory',
      shortBytes(memoryBytes),
      shortBytes(usage.peakMemoryBytes),
      samples.map((sample) => sample.memoryBytes),
    ),
    row(
      'tasks',
      String(tasks),
      String(usage.peakTasks),
      samples.map((sample) => sample.tasks),
    ),
    ...linesOf(`measured by ${sourceText(usage.source)}`, page).map(palette.dim),
  ];
}

/** `cgroup`, or `cgroup (cpu) and pidusage (memory, tasks)`. */
function sourceText({ cpu, memory, tasks }: UnitDocument['usage']['source']): string {
  if (memory === cpu && tasks === cpu) return cpu;
  const figures = Object.entries({ cpu, memory, tasks });
  const from = (source: string): string =>
    `${source} (${figures.flatMap(([name, its]) => (its === source ? [name] : [])).join(', ')})`;
  return `${from('cgroup')} and ${from('pidusage')}`;
}

function neighbour(other: DependencyStatus, page: Page): readonly string[] {
  const { palette } = page.screen;
  const paint = statePaint(other, palette);
  const words = stateWords({ ...other, held: false });
  const why = other.ready || other.reason === '' ? '' : printable(other.reason);
  const name = `${stateSymbol(other, page.screen)} ${other.name}`;
  const standing = ` (${other.field}) ${words}${why === '' ? '' : ':'}`;
  const dyed = `${paint(name.slice(0, 1))}${name.slice(1)}`;
  if (name.length + standing.length > page.room) {
    return hanging({ text: dyed, columns: name.length, indent: 2 }, `${standing} ${why}`.trimEnd(), page);
  }
  const text = `${dyed} ${palette.dim(`(${other.field})`)} ${paint(words)}${why === '' ? '' : ':'}`;
  const columns = name.length + standing.length;
  return hanging({ text, columns, indent: 2 }, why === '' ? '' : ` ${why}`, page);
}

function historyLines({ unit, history }: UnitDocument, page: Page, nowMs: number): readonly string[] {
  const { palette } = page.screen;
  const shown = history.slice(-5).toReversed();
  const count = unit.restarts === 0 && shown.length === 0 ? [] : [String(unit.restarts)];
  return [
    ...count,
    ...shown.flatMap((entry) => {
      const when = `${relativeTo(nowMs, Date.parse(entry.at)).padStart(10)}  `;
      const up = entry.uptimeMs > 0 ? ` after ${shortSpan(entry.uptimeMs)}` : '';
      const head = { text: palette.dim(when), columns: when.length, indent: when.length };
      return hanging(head, `${printable(entry.text)}${up}${entry.requested ? ', asked for' : ''}`, page);
    }),
  ];
}

function logFacts({ logs }: UnitDocument, page: Page): readonly string[] {
  const { room } = page;
  const { palette } = page.screen;
  // Not what is there: an earlier daemon's lines are counted by nobody.
  const amount = `(${shortBytes(logs.bytes)}, ${counted(logs.lines, 'line')} by this daemon)`;
  const isOneLine = logs.directory.length + 1 + amount.length <= room;
  const lines = isOneLine
    ? [`${logs.directory} ${palette.dim(amount)}`]
    : [logs.directory, ...linesOf(amount, page).map(palette.dim)];
  if (logs.droppedLines > 0) {
    lines.push(
      palette.yellow(`${counted(logs.droppedLines, 'line')} dropped (${shortBytes(logs.droppedBytes)})`),
    );
  }
  if (logs.problem !== null) lines.push(...linesOf(printable(logs.problem), page).map(palette.red));
  return lines;
}
