// The manual pages as text: their sections, and the parts of them that are made from the code. Such a part stands
// between `.\" BEGIN name` and `.\" END name`; with UNITD_UPDATE_MAN=1 it is written anew instead of compared. What
// is in the parts is manual-parts' business.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/base/package-root.ts';

export const MANUAL_DIRECTORY = join(packageRoot(), 'man');
export const PAGES = ['unitd.1', 'unitd.unit.5', 'unitd-api.7'] as const;
export type Page = (typeof PAGES)[number];

export function readManual(page: Page): string {
  return readFileSync(join(MANUAL_DIRECTORY, page), 'utf8');
}

/** The lines below a `.Sh` or `.Ss` heading, up to the next of the same kind or above. */
export function sectionOf(manual: string, macro: 'Sh' | 'Ss', title: string): string {
  const lines = manual.split('\n');
  const start = lines.indexOf(`.${macro} ${title}`);
  if (start === -1)
    throw new Error(`cannot find section "${title}": the manual has none, expected .${macro} ${title}`);
  const ends = macro === 'Sh' ? /^\.Sh / : /^\.S[hs] /;
  const length = lines.slice(start + 1).findIndex((line) => ends.test(line));
  return lines.slice(start + 1, length === -1 ? undefined : start + 1 + length).join('\n');
}

/** What the patterns find in the files below src, each once, sorted. */
export function literalsIn(places: readonly string[], patterns: readonly RegExp[]): readonly string[] {
  const source = join(packageRoot(), 'src');
  const files = places.flatMap((place) =>
    place.endsWith('.ts')
      ? [place]
      : readdirSync(join(source, place), { recursive: true, encoding: 'utf8' })
          .filter((path) => path.endsWith('.ts'))
          .map((path) => join(place, path)),
  );
  const found = files.flatMap((file) => {
    const text = readFileSync(join(source, file), 'utf8');
    return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, word]) => word ?? ''));
  });
  return [...new Set(found)].toSorted();
}

/** The names of the parts of a page, in their order. */
function partNames(manual: string): readonly string[] {
  return [...manual.matchAll(/^\.\\" BEGIN (.+)$/gm)].map(([, name]) => name ?? '');
}

/** The text between the marks of a part. */
function partOf(manual: string, name: string): string {
  const { start, end } = placeOf(manual, name);
  return manual.slice(start, end);
}

/** Compares every part of the page with what it is made from, which has to name them all. */
export function assertParts(page: Page, parts: ReadonlyMap<string, string>): void {
  assert.deepEqual(partNames(readManual(page)).toSorted(), [...parts.keys()].toSorted());
  for (const [name, text] of parts) {
    if (process.env['UNITD_UPDATE_MAN'] === '1') writePart(page, name, text);
    const now = partOf(readManual(page), name);
    assert.equal(
      now,
      text,
      `part "${name}" is stale, UNITD_UPDATE_MAN=1 npm test -- unit/man writes it anew`,
    );
  }
}

function writePart(page: Page, name: string, text: string): void {
  const manual = readManual(page);
  const { start, end } = placeOf(manual, name);
  writeFileSync(join(MANUAL_DIRECTORY, page), manual.slice(0, start) + text + manual.slice(end));
}

function placeOf(manual: string, name: string): { readonly start: number; readonly end: number } {
  const before = `.\\" BEGIN ${name}\n`;
  const start = manual.indexOf(before);
  const end = manual.indexOf(`.\\" END ${name}\n`);
  if (start === -1 || end < start)
    throw new Error(`cannot find part "${name}": expected its two marks in the manual`);
  return { start: start + before.length, end };
}
