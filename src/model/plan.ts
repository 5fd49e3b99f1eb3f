// What a reload would do, as a value: printed by `unitd plan`, applied by `unitd reload`, the same both times.

export type PlanAction = 'start' | 'restart' | 'update' | 'stop' | 'unchanged';

/** What a changed field asks for: a new process, nothing but a new value, or the next start. */
export type FieldEffect = 'restart' | 'in-place' | 'next-start';

export interface FieldChange {
  /** Name as in the unit file, with the entry where the field is a mapping: `restart.delay`. */
  readonly field: string;
  /** Values in file form, as JSON. */
  readonly from: unknown;
  readonly to: unknown;
  readonly effect: FieldEffect;
}

export interface PlannedUnit {
  readonly name: string;
  readonly action: PlanAction;
  /** One clause: `command changed`, `file removed`, `requires "db", which restarts`. */
  readonly reason: string;
  readonly changes: readonly FieldChange[];
}

export interface Plan {
  /** Names the files and the running set that it was made from: equal ids, equal plans. */
  readonly id: string;
  /** In the order of unit names; `unchanged` units are left out. */
  readonly units: readonly PlannedUnit[];
  readonly unchanged: number;
}
