// The files of a set, as bytes to be parsed and as text to be stored.
import type { UnitSource } from '../config/parse.ts';
import type { Steps } from '../core/steps.ts';
import type { Journalled } from './journal-lines.ts';
import type { GoodFile } from './store.ts';
import type { UnitSet } from './unit-set.ts';

/**
 * What an earlier daemon of this boot ran is newer than the last set without errors, and there though that could not be
 * stored. That set has what the earlier one was killed before it could write down.
 */
export function lastForms(left: Journalled | null, lastGood: readonly GoodFile[]): readonly GoodFile[] {
  if (left === null) return lastGood;
  const { units, files } = left;
  return [
    ...lastGood.filter(({ name }) => !units.has(name)),
    ...files.filter(({ name }) => units.get(name)?.removed !== true),
  ];
}

export function sourcesOf(files: readonly GoodFile[]): ReadonlyMap<string, UnitSource> {
  return new Map(files.map(({ name, file, text }) => [name, { name, file, bytes: Buffer.from(text) }]));
}

const goodFiles = new WeakMap<UnitSource, GoodFile>();

export function goodFileOf(source: UnitSource): GoodFile {
  let good = goodFiles.get(source);
  if (good === undefined) {
    const { name, file, bytes } = source;
    good = { name, file, text: Buffer.from(bytes).toString() };
    goodFiles.set(source, good);
  }
  return good;
}

/** A set's files, on their way to be those that run. */
export interface Taking {
  readonly running: ReadonlyMap<string, UnitSource>;
  readonly files: readonly GoodFile[];
}

export function* takingFrom(set: UnitSet): Steps<Taking> {
  const running = new Map<string, UnitSource>();
  const files: GoodFile[] = [];
  for (const source of set.files) {
    yield;
    running.set(source.name, source);
    files.push(goodFileOf(source));
  }
  return { running, files };
}
