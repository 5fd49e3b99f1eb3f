// The whole story of a unit, as `unitd status UNIT` tells it.
import { relativeTo, shortSpan } from '../base/relative-time.ts';
import type { DependencyStatus, LogLine, ProcessNode, UnitDocument } from '../wire/v1.ts';
import type { Client } from './client.ts';
import type { Context } from './context.ts';
import { dateAndTime } from './local-time.ts';
import { logText } from './log-text.ts';
import { grouped, shortBytes, shortPercent, sparkline } from './quantities.ts';
import type { Screen } from './screen.ts';
import { isUp, statePaint, stateSymbol } from './state-look.ts';
import { stateWords } from './status-table.ts';
import { measureFor, printable, truncated, wrapped } from './text-width.ts';
import type { Measure } from './text-width.ts';
import { treeLines } from './tree-lines.ts';
import type { TreeNode } from './tree-lines.ts';
import { unitPath } from './unit-path.ts';

const LOG_LINES = 10;
const LABEL = 11;
const SPARK_COLUMNS = 20;

export async function printStories(
  context: Context,
  client: Client,
  stories: readonly UnitDocument[],
): Promise<void> {
  const texts = await Promise.all(
    stories.map(async (story) =>
      storyText(story, await lastLines(client, story.unit.name), context.out, context.now()),
    ),
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
  ]);
  const room = screen.width === null ? Infinity : screen.width - LABEL - 2;
  const paint = statePaint(unit, palette);
  const title = `${paint(stateSymbol(unit, screen))} ${palette.bold(unit.name)}`;
  const lines = [unit.description === '' ? title : `${title}  ${printable(unit.description)}`];
  const tell = (label: string, ...texts: readonly string[]): void => {
    texts.forEach((text, at) => {
      lines.push(`${palette.dim((at === 0 ? label : '').padStart(LABEL))}  ${text}`.trimEnd());
    });
  };

  tell('state', paint(stateWords({ ...unit, held: false })) + sinceText(story, screen, nowMs));
  if (unit.reason !== '' && !(isUp(unit) && !unit.held))
    tell('why', ...wrapped(printable(unit.reason), room, 6, measure));
  if (unit.held) {
    tell(
      'held',
      palette.yellow(
        unit.wanted === 'down'
          ? `an operator's stop holds, until: unitd start ${unit.name} (or release)`
          : `an operator's start holds, until: unitd stop ${unit.name} (or release)`,
      ),
    );
  }
  tell('type', unit.type + (unit.wanted === 'up' ? '' : ', not wanted up'));
  tell('file', story.file);
  if (story.effective['command'] !== undefined) {
    tell('command', ...wrapped(printable(commandText(story.effective['command'])), room, 4, measure));
  }
  const documentation = story.effective['documentation'];
  if (Array.isArray(documentation)) tell('docs', ...documentation.map(String));
  const tree = processTree(story.processes, unit.pid, room, measure);
  if (tree.length > 0) tell('processes', ...tree.flatMap((root) => treeLines(root, screen)));
  if (unit.fence !== null) tell('fence', fenceText(story));
  tell('usage', ...usageLines(story, screen));
  tell('needs', ...story.dependencies.map((other) => neighbour(other, screen)));
  tell('needed by', ...story.dependents.map((other) => neighbour(other, screen)));
  tell('restarts', ...historyLines(story, screen, nowMs));
  tell('logs', ...logFacts(story, screen));
  if (logLines.length > 0) {
    lines.push('', ...logLines.map((line) => logText(line, { times: 'clock', names: [] }, screen)));
  }
  return `${lines.join('\n')}\n`;
}

function fenceText({ unit, cgroup }: UnitDocument): string {
  return cgroup === null ? String(unit.fence) : `${unit.fence} ${cgroup}`;
}

function sinceText({ unit }: UnitDocument, { palette }: Screen, nowMs: number): string {
  if (unit.state === 'backoff' && unit.nextStartAt !== null) {
    return `, next start ${relativeTo(nowMs, Date.parse(unit.nextStartAt))}`;
  }
  const at = unit.pid !== null ? unit.startedAt : (unit.lastExit?.at ?? null);
  if (at === null) return '';
  const ms = Date.parse(at);
  return ` for ${shortSpan(nowMs - ms)}${palette.dim(`, since ${dateAndTime(ms)}`)}`;
}

function commandText(command: unknown): string {
  if (!Array.isArray(command)) return String(command);
  return command
    .map((word) => (/^[\w@%+=:,./${}-]+$/.test(String(word)) ? String(word) : `'${String(word)}'`))
    .join(' ');
}

function processTree(
  processes: readonly ProcessNode[],
  mainPid: number | null,
  room: number,
  measure: Measure,
): readonly TreeNode[] {
  const known = new Set(processes.map(({ pid }) => pid));
  const node = (process: ProcessNode, depth: number): TreeNode => {
    const main = process.pid === mainPid && processes.length > 1 ? ' (main)' : '';
    const text = `${process.pid} ${printable(process.command)}`;
    return {
      text: truncated(text, Math.max(12, room - main.length - depth * 3), measure) + main,
      children: processes
        .filter(({ parentPid, pid }) => parentPid === process.pid && pid !== process.pid)
        .map((child) => node(child, depth + 1)),
    };
  };
  return processes.filter(({ parentPid }) => !known.has(parentPid)).map((process) => node(process, 0));
}

function usageLines({ unit, usage }: UnitDocument, screen: Screen): readonly string[] {
  const { palette } = screen;
  if (unit.usage === null) {
    if (usage.peakTasks === 0) return [];
    const peaks = `peak ${shortPercent(usage.peakCpuPercent)} CPU, ${shortBytes(usage.peakMemoryBytes)} memory, ${usage.peakTasks} tasks`;
    return [palette.dim(peaks)];
  }
  const row = (name: string, now: string, peak: string, values: readonly number[]): string => {
    const spark =
      screen.unicode && values.length > 1 ? `  ${palette.cyan(sparkline(values, SPARK_COLUMNS))}` : '';
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
    palette.dim(`measured by ${usage.source}`),
  ];
}

function neighbour(other: DependencyStatus, screen: Screen): string {
  const { palette } = screen;
  const paint = statePaint(other, palette);
  const why = isUp(other) || other.reason === '' ? '' : `: ${printable(other.reason)}`;
  const words = stateWords({ ...other, held: false });
  return `${paint(stateSymbol(other, screen))} ${other.name} ${palette.dim(`(${other.field})`)} ${paint(words)}${why}`;
}

function historyLines(
  { unit, history }: UnitDocument,
  { palette }: Screen,
  nowMs: number,
): readonly string[] {
  const shown = history.slice(-5).toReversed();
  const count = unit.restarts === 0 && shown.length === 0 ? [] : [String(unit.restarts)];
  return [
    ...count,
    ...shown.map((entry) => {
      const when = relativeTo(nowMs, Date.parse(entry.at)).padStart(10);
      const up = entry.uptimeMs > 0 ? ` after ${shortSpan(entry.uptimeMs)}` : '';
      return `${palette.dim(when)}  ${entry.text}${up}${entry.requested ? palette.dim(', asked for') : ''}`;
    }),
  ];
}

function logFacts({ logs }: UnitDocument, { palette }: Screen): readonly string[] {
  const amount = `${shortBytes(logs.bytes)}, ${grouped(logs.lines)} ${logs.lines === 1 ? 'line' : 'lines'}`;
  const lines = [`${logs.directory} ${palette.dim(`(${amount})`)}`];
  if (logs.droppedLines > 0) {
    lines.push(
      palette.yellow(`${grouped(logs.droppedLines)} lines dropped (${shortBytes(logs.droppedBytes)})`),
    );
  }
  if (logs.problem !== null) lines.push(palette.red(logs.problem));
  return lines;
}
