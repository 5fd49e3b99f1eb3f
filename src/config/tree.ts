// A parsed YAML document as a tree whose nodes know where they stand in the text. Types and look-ups only.

export type Step = string | number;

export type SourceNode = ScalarNode | ListNode | MappingNode;

interface NodeBase {
  /** Offset in the text; -1 for a value that is not there, as in `key:`. */
  readonly at: number;
  /** Nodes in this tree with aliases written out, itself included. */
  readonly count: number;
}

export interface ScalarNode extends NodeBase {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As written, for a plain scalar: `0027` where the value is 27. */
  readonly text: string;
}

export interface ListNode extends NodeBase {
  readonly kind: 'list';
  readonly value: readonly unknown[];
  readonly items: readonly SourceNode[];
}

export interface MappingEntry {
  readonly keyAt: number;
  readonly node: SourceNode;
}

export interface MappingNode extends NodeBase {
  readonly kind: 'mapping';
  readonly value: Readonly<Record<string, unknown>>;
  readonly entries: ReadonlyMap<string, MappingEntry>;
}

/** Something wrong at an offset of the text; `path` is empty for the file as a whole. */
export interface Finding {
  readonly code: string;
  readonly at: number;
  readonly path: readonly Step[];
  readonly actual: string;
  readonly expected: string;
}

/** `restart.delay`, `startPre[1]`, `environment.PORT`; null for the root. */
export function fieldOf(path: readonly Step[]): string | null {
  if (path.length === 0) return null;
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    const name = /^[\w-]{1,80}$/.test(step) ? step : quoted(step);
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

export function nodeAt(root: SourceNode, path: readonly Step[]): SourceNode | null {
  let node: SourceNode | undefined = root;
  for (const step of path) {
    if (node.kind === 'list' && typeof step === 'number') node = node.items[step];
    else if (node.kind === 'mapping' && typeof step === 'string') node = node.entries.get(step)?.node;
    else return null;
    if (node === undefined) return null;
  }
  return node;
}

/** Where the value of a field stands; where its key stands if it has no value of its own. */
export function valueOffset(root: SourceNode, path: readonly Step[]): number {
  const node = nodeAt(root, path);
  return node === null || node.at === -1 ? keyOffset(root, path) : node.at;
}

/** Where the key of a field stands; for an item of a list or for a missing field, where its parent stands. */
export function keyOffset(root: SourceNode, path: readonly Step[]): number {
  const last = path.at(-1);
  if (last === undefined) return Math.max(root.at, 0);
  const parentPath = path.slice(0, -1);
  const parent = nodeAt(root, parentPath);
  const entry = parent?.kind === 'mapping' && typeof last === 'string' ? parent.entries.get(last) : undefined;
  return entry?.keyAt ?? valueOffset(root, parentPath);
}

/** A value in the words of an error: `5`, `"5 sec"`, `empty`, `a list`. */
export function shown(node: SourceNode): string {
  if (node.kind === 'list') return node.items.length === 0 ? 'an empty list' : 'a list';
  if (node.kind === 'mapping') return 'a mapping';
  if (node.value === null) return 'empty';
  if (typeof node.value !== 'string') return visible(node.text);
  return quoted(node.value);
}

const MAX_SHOWN = 80;
/** Control characters, line separators and what changes the direction of text: none of them reaches a terminal. */
// oxlint-disable-next-line no-control-regex -- to find them is its purpose
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** On one line, without characters that nobody sees, and not longer than a reader wants. */
export function visible(text: string): string {
  return escaped(clipped(text));
}

/** The same in quotes. */
export function quoted(text: string): string {
  return escaped(JSON.stringify(clipped(text)));
}

function clipped(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN - 1)}…` : text;
}

function escaped(text: string): string {
  return text.replace(UNSEEN, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
