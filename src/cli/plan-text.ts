// A plan as people read it: the same text before it is applied and after.
import type { FieldChange, Plan, PlanAction, PlannedUnit } from '../model/plan.ts';
import type { Palette } from './palette.ts';
import type { Screen } from './screen.ts';
import { nameColumns, printable, twoColumnsAtMost } from './text-width.ts';

interface Look {
  readonly symbol: string;
  readonly ascii: string;
  readonly color: keyof Palette;
  readonly word: string;
}

const LOOKS: Readonly<Record<PlanAction, Look>> = {
  start: { symbol: '+', ascii: '+', color: 'green', word: 'start' },
  restart: { symbol: '±', ascii: '*', color: 'yellow', word: 'restart' },
  update: { symbol: '~', ascii: '~', color: 'cyan', word: 'update' },
  stop: { symbol: '-', ascii: '-', color: 'red', word: 'stop' },
  unchanged: { symbol: ' ', ascii: ' ', color: 'dim', word: 'unchanged' },
};

const EFFECTS: Readonly<Record<FieldChange['effect'], string>> = {
  restart: 'restarts it',
  'in-place': 'in place',
  'next-start': 'at its next start',
};

/** Line feeds included. */
export function planText(plan: Plan, screen: Screen): string {
  const { palette } = screen;
  const width = nameColumns(plan.units);
  const lines = plan.units.flatMap((unit) => unitLines(unit, width, screen));
  if (lines.length > 0) lines.push('');
  lines.push(`${palette.bold('plan')} ${plan.id}: ${planSummary(plan, palette)}`);
  return `${lines.join('\n')}\n`;
}

/** `2 to start, 1 to restart, 37 unchanged`. */
export function planSummary(plan: Plan, palette: Palette): string {
  const parts: string[] = [];
  for (const action of ['start', 'restart', 'update', 'stop'] as const) {
    const count = plan.units.filter((unit) => unit.action === action).length;
    if (count > 0) parts.push(palette[LOOKS[action].color](`${count} to ${LOOKS[action].word}`));
  }
  if (parts.length === 0) parts.push('nothing to do');
  if (plan.unchanged > 0) parts.push(`${plan.unchanged} unchanged`);
  return parts.join(', ');
}

function unitLines(unit: PlannedUnit, width: number, screen: Screen): readonly string[] {
  const { palette } = screen;
  const look = LOOKS[unit.action];
  const paint = palette[look.color];
  const symbol = paint(screen.unicode ? look.symbol : look.ascii);
  const head = `${symbol} ${palette.bold(unit.name.padEnd(width))}  ${paint(look.word.padEnd(7))}`;
  const fieldWidth = Math.max(0, ...unit.changes.map(({ field }) => field.length));
  return [
    `${head}  ${printable(unit.reason)}`.trimEnd(),
    ...unit.changes.flatMap((change) => changeLines(change, unit.action, fieldWidth, screen)),
  ];
}

/** What a change does to this unit: one that is down is not restarted by anything. */
function effectText({ effect }: FieldChange, action: PlanAction): string {
  if (effect !== 'restart' || action === 'restart') return EFFECTS[effect];
  return action === 'start' ? 'starts it' : EFFECTS['next-start'];
}

/** On one line; below each other, so that the eye finds what differs, where the terminal is too narrow for that. */
function changeLines(
  change: FieldChange,
  action: PlanAction,
  width: number,
  { palette, unicode, width: columns }: Screen,
): readonly string[] {
  const arrow = unicode ? '→' : '->';
  const paint = change.effect === 'restart' && action === 'restart' ? palette.yellow : palette.dim;
  const [from, to] = [valueText(change.from), valueText(change.to)];
  const effect = `(${effectText(change, action)})`;
  const field = `    ${`${change.field}:`.padEnd(width + 1)}`;
  const isNarrow = columns !== null && twoColumnsAtMost(`${field} ${from} > ${to}  ${effect}`) > columns;
  if (!isNarrow)
    return [`${field} ${palette.red(from)} ${palette.dim(arrow)} ${palette.green(to)}  ${paint(effect)}`];
  return [
    `    ${change.field}:  ${paint(effect)}`,
    `      - ${palette.red(from)}`,
    `      + ${palette.green(to)}`,
  ];
}

/** As a unit file would say it, on one line. */
export function valueText(value: unknown): string {
  if (value === undefined || value === null) return 'none';
  if (typeof value === 'string')
    return printable(/^[^\s"'[\]{},:#][^"'[\]{},#]*$/.test(value) ? value : JSON.stringify(value));
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`;
  if (typeof value === 'object') {
    const fields = Object.entries(value).map(([field, inner]) => `${field}: ${valueText(inner)}`);
    return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
  }
  return JSON.stringify(value);
}
