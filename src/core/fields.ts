// For every field of a unit: its name in the file, and what a change of it asks for while the unit is there.
// A new field of UnitSpec does not compile until it has its row.
import type { FieldEffect } from '../model/plan.ts';
import type { UnitSpec } from '../model/unit.ts';

interface FieldRow {
  readonly field: string;
  /**
   * restart: only a new process can have it. in-place: it holds from now on, the process stays. next-start: it plays
   * no part until the unit starts again, so the process stays too.
   */
  readonly effect: FieldEffect;
}

export const FIELDS = {
  description: { field: 'description', effect: 'in-place' },
  documentation: { field: 'documentation', effect: 'in-place' },
  type: { field: 'type', effect: 'restart' },
  enabled: { field: 'enabled', effect: 'in-place' },
  command: { field: 'command', effect: 'restart' },
  pidFile: { field: 'pidFile', effect: 'next-start' },
  environment: { field: 'environment', effect: 'restart' },
  environmentFiles: { field: 'environmentFiles', effect: 'restart' },
  workingDirectory: { field: 'workingDirectory', effect: 'restart' },
  user: { field: 'user', effect: 'restart' },
  group: { field: 'group', effect: 'restart' },
  supplementaryGroups: { field: 'supplementaryGroups', effect: 'restart' },
  umask: { field: 'umask', effect: 'restart' },
  limits: { field: 'limits', effect: 'restart' },
  resources: { field: 'resources', effect: 'in-place' },
  nice: { field: 'nice', effect: 'restart' },
  oomScoreAdjust: { field: 'oomScoreAdjust', effect: 'restart' },
  noNewPrivileges: { field: 'noNewPrivileges', effect: 'restart' },
  startPre: { field: 'startPre', effect: 'next-start' },
  startPost: { field: 'startPost', effect: 'next-start' },
  stopPost: { field: 'stopPost', effect: 'in-place' },
  startTimeoutMs: { field: 'startTimeout', effect: 'in-place' },
  runtimeMaxMs: { field: 'runtimeMax', effect: 'in-place' },
  successExitStatus: { field: 'successExitStatus', effect: 'in-place' },
  restart: { field: 'restart', effect: 'in-place' },
  stop: { field: 'stop', effect: 'in-place' },
  requires: { field: 'requires', effect: 'in-place' },
  wants: { field: 'wants', effect: 'in-place' },
  requisite: { field: 'requisite', effect: 'in-place' },
  bindsTo: { field: 'bindsTo', effect: 'in-place' },
  partOf: { field: 'partOf', effect: 'in-place' },
  upholds: { field: 'upholds', effect: 'in-place' },
  conflicts: { field: 'conflicts', effect: 'in-place' },
  after: { field: 'after', effect: 'in-place' },
  before: { field: 'before', effect: 'in-place' },
  onFailure: { field: 'onFailure', effect: 'in-place' },
  onSuccess: { field: 'onSuccess', effect: 'in-place' },
  logs: { field: 'logs', effect: 'in-place' },
  failureAction: { field: 'failureAction', effect: 'in-place' },
  successAction: { field: 'successAction', effect: 'in-place' },
} as const satisfies Readonly<Record<Exclude<keyof UnitSpec, 'name'>, FieldRow>>;

export type SpecKey = keyof typeof FIELDS;

export function isSpecKey(key: string): key is SpecKey {
  return Object.hasOwn(FIELDS, key);
}

/** The fields in which two specs differ, in the order of the table. */
export function changedKeys(from: UnitSpec, to: UnitSpec): readonly SpecKey[] {
  return Object.keys(FIELDS)
    .filter(isSpecKey)
    .filter((key) => from[key] !== to[key] && !isSame(from[key], to[key]));
}

/** Equality of values made of plain objects, arrays and scalars; the order of keys does not count. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = new Map<string, unknown>(Object.entries(a));
  const right = new Map<string, unknown>(Object.entries(b));
  if (left.size !== right.size) return false;
  for (const [key, value] of left) if (!right.has(key) || !isSame(value, right.get(key))) return false;
  return true;
}
