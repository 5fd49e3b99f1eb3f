// What the unit files come to: the units, and what is wrong with their files. A value.
import type { UnitSource } from '../config/parse.ts';
import type { Problem } from '../model/problem.ts';
import type { UnitSpec } from '../model/unit.ts';

export interface UnitSet {
  readonly specs: ReadonlyMap<string, UnitSpec>;
  readonly files: readonly UnitSource[];
  /** Of each unit's content, by name. */
  readonly fingerprints: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
  /** The directory could not be read at all: that it lists no file says nothing. */
  readonly isBlind: boolean;
}
