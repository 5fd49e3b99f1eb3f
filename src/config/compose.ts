// js-yaml's events to a tree of positioned nodes; scalars are read by its core schema. Its own loader gives no
// positions, stops at the first duplicate key and does not bound what aliases expand to, so the composing is done
// here. Its input is one document that has content.
import {
  boolCoreTag,
  EVENT_ID,
  type Event,
  floatCoreTag,
  getScalarValue,
  intCoreTag,
  NOT_RESOLVED,
  nullCoreTag,
  SCALAR_STYLE,
  type ScalarEvent,
  strTag,
} from 'js-yaml';
import { placeAt } from './source.ts';
import { fieldOf, type Finding, type MappingEntry, type SourceNode, type Step, visible } from './tree.ts';

/** Nodes in one file, aliases written out: far above any unit, far below what costs a second. */
export const MAX_NODES = 20_000;
const CORE_SCALARS = [nullCoreTag, boolCoreTag, intCoreTag, floatCoreTag] as const;
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

export interface Parsed {
  /** null when there is no mapping to go on with. */
  readonly root: SourceNode | null;
  readonly findings: readonly Finding[];
  /** Fields that are in the text but were left out of the tree, whole or in part: their absence is no second error. */
  readonly leftOut: ReadonlySet<string>;
}

/** Where the node stands: its tag and anchor do not count, the opening quote does. */
export function startOf(event: Event): number {
  switch (event.type) {
    case EVENT_ID.SCALAR:
      if (event.valueStart === -1) return -1;
      return isQuoted(event) ? event.valueStart - 1 : event.valueStart;
    case EVENT_ID.ALIAS:
      return event.anchorStart - 1;
    case EVENT_ID.SEQUENCE:
    case EVENT_ID.MAPPING:
      return event.start;
    case EVENT_ID.DOCUMENT:
    case EVENT_ID.POP:
      return -1;
  }
}

function isQuoted(event: ScalarEvent): boolean {
  return event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
}

type Anchor = SourceNode | 'open';

/** Thrown inside the composer alone, to leave the recursion at the node bound. */
class TooManyNodes extends Error {
  readonly at: number;
  constructor(at: number) {
    super();
    this.at = at;
  }
}

/** Made for one document, and used once. */
export class Composer {
  readonly #text: string;
  readonly #events: readonly Event[];
  /** Past the document's own event. */
  #next = 1;
  #total = 0;
  readonly #anchors = new Map<string, Anchor>();
  readonly #findings: Finding[] = [];
  readonly #leftOut = new Set<string>();

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  document(): Parsed {
    try {
      const root = this.#node([]);
      return { root, findings: this.#findings, leftOut: this.#leftOut };
    } catch (error) {
      if (!(error instanceof TooManyNodes)) throw error;
      const actual = `the file has more than ${MAX_NODES} values once aliases are written out`;
      this.#report('too-many-values', error.at, [], actual, 'expected fewer');
      return { root: null, findings: this.#findings, leftOut: this.#leftOut };
    }
  }

  #report(code: string, at: number, path: readonly Step[], actual: string, expected: string): void {
    const subject = path.length === 0 && !actual.startsWith('the file ') ? 'the file ' : '';
    this.#findings.push({ code, at, path, actual: `${subject}${actual}`, expected });
  }

  #charge(count: number, at: number): void {
    this.#total += count;
    if (this.#total > MAX_NODES) throw new TooManyNodes(Math.max(at, 0));
  }

  #take(): Event {
    const event = this.#events[this.#next];
    if (event === undefined) throw new Error('js-yaml gave fewer events than it opened');
    this.#next += 1;
    return event;
  }

  /** The next node; null when it was reported and cannot stand in the tree. */
  #node(path: readonly Step[]): SourceNode | null {
    const event = this.#take();
    if (event.type === EVENT_ID.ALIAS) return this.#alias(event.anchorStart, event.anchorEnd, path);
    if (event.type === EVENT_ID.DOCUMENT || event.type === EVENT_ID.POP) {
      throw new Error(`js-yaml gave event ${event.type} where a node was due`);
    }
    this.#charge(1, startOf(event));
    const anchor = event.anchorStart === -1 ? null : this.#text.slice(event.anchorStart, event.anchorEnd);
    if (anchor !== null) this.#anchors.set(anchor, 'open');
    const node =
      event.type === EVENT_ID.SCALAR
        ? this.#scalar(event, path)
        : event.type === EVENT_ID.SEQUENCE
          ? this.#list(event.start, path)
          : this.#mapping(event.start, path);
    const kind = event.type === EVENT_ID.SEQUENCE ? 'seq' : 'map';
    if (event.type !== EVENT_ID.SCALAR && event.tagStart !== -1) {
      const tag = this.#text.slice(event.tagStart, event.tagEnd);
      if (tag !== '!' && tag !== `!!${kind}`) return this.#badTag(tag, event.tagStart, path);
    }
    if (anchor !== null && node !== null) this.#anchors.set(anchor, node);
    return node;
  }

  #badTag(tag: string, at: number, path: readonly Step[]): null {
    this.#report(
      'tag',
      at,
      path,
      `has the tag ${visible(tag)}`,
      'expected a plain value: tags beyond the core schema are not read',
    );
    return null;
  }

  #alias(start: number, end: number, path: readonly Step[]): SourceNode | null {
    const name = this.#text.slice(start, end);
    const shown = visible(name);
    const at = start - 1;
    const target = this.#anchors.get(name);
    if (target === undefined || target === 'open') {
      const actual =
        target === 'open' ? `is the alias *${shown} of what holds it` : `is the unknown alias *${shown}`;
      this.#report('alias', at, path, actual, `expected an anchor &${shown} that ends before it`);
      this.#charge(1, at);
      return null;
    }
    this.#charge(target.count, at);
    return { ...target, at };
  }

  #scalar(event: ScalarEvent, path: readonly Step[]): SourceNode | null {
    const text = getScalarValue(this.#text, event);
    const at = startOf(event);
    if (text.includes('\0')) {
      this.#report('nul-byte', at, path, 'has a NUL character', 'expected text without one');
      return null;
    }
    const tag = event.tagStart === -1 ? '' : this.#text.slice(event.tagStart, event.tagEnd);
    if (tag === '!' || tag === '!!str') return { kind: 'scalar', at, count: 1, value: text, text };
    if (tag === '') {
      const value =
        event.style === SCALAR_STYLE.PLAIN ? plainValue(text) : strTag.resolve(text, false, strTag.tagName);
      return { kind: 'scalar', at, count: 1, value: value === NOT_RESOLVED ? text : value, text };
    }
    const definition = CORE_SCALARS.find(
      (candidate) => candidate.tagName === `tag:yaml.org,2002:${tag.slice(2)}`,
    );
    const value =
      definition === undefined ? NOT_RESOLVED : definition.resolve(text, true, definition.tagName);
    if (!tag.startsWith('!!') || value === NOT_RESOLVED) return this.#badTag(tag, event.tagStart, path);
    return { kind: 'scalar', at, count: 1, value: unsignedZero(value), text };
  }

  #list(at: number, path: readonly Step[]): SourceNode {
    const items: SourceNode[] = [];
    while (!this.#closes()) {
      const item = this.#node([...path, items.length]);
      if (item !== null) items.push(item);
      else this.#leftOut.add(fieldOf(path) ?? '');
    }
    const count = items.reduce((sum, item) => sum + item.count, 1);
    return { kind: 'list', at, count, items, value: items.map((item) => item.value) };
  }

  #mapping(at: number, path: readonly Step[]): SourceNode {
    const entries = new Map<string, MappingEntry>();
    while (!this.#closes()) this.#pair(entries, path);
    const value: Record<string, unknown> = {};
    let count = 1;
    for (const [key, entry] of entries) {
      value[key] = entry.node.value;
      count += entry.node.count + 1;
    }
    return { kind: 'mapping', at, count, entries, value };
  }

  #pair(entries: Map<string, MappingEntry>, path: readonly Step[]): void {
    const keyEvent = this.#events[this.#next];
    const keyAt = Math.max(keyEvent === undefined ? 0 : startOf(keyEvent), 0);
    const isPlain = keyEvent?.type === EVENT_ID.SCALAR && keyEvent.style === SCALAR_STYLE.PLAIN;
    const keyNode = this.#node(path);
    const key = keyNode?.kind === 'scalar' ? keyNode.text : null;
    const fieldPath = key === null ? path : [...path, key];
    const node = this.#node(fieldPath);
    if (keyNode === null) return;
    const first = key === null ? undefined : entries.get(key);
    if (key === null) {
      const actual = `has ${keyNode.kind === 'list' ? 'a list' : 'a mapping'} as a key`;
      this.#report('wrong-type', keyAt, path, actual, 'expected a name');
    } else if (isPlain && key === '<<') {
      this.#report(
        'merge-key',
        keyAt,
        fieldPath,
        'is a merge key',
        'expected the fields written out: YAML 1.2 has no merge',
      );
    } else if (FORBIDDEN_KEYS.has(key)) {
      this.#report(
        'forbidden-key',
        keyAt,
        fieldPath,
        'is a reserved word of JavaScript',
        'expected another name',
      );
    } else if (first !== undefined) {
      const actual = `is set again, first on line ${placeAt(this.#text, first.keyAt).line}`;
      this.#report('duplicate-key', keyAt, fieldPath, actual, 'expected each key once');
    } else if (node === null) {
      this.#leftOut.add(fieldOf(fieldPath) ?? '');
    } else {
      entries.set(key, { keyAt, node });
    }
  }

  #closes(): boolean {
    if (this.#events[this.#next]?.type !== EVENT_ID.POP) return false;
    this.#next += 1;
    return true;
  }
}

function plainValue(text: string): string | number | boolean | null {
  for (const tag of CORE_SCALARS) {
    const value = tag.resolve(text, false, tag.tagName);
    if (value !== NOT_RESOLVED) return unsignedZero(value);
  }
  return text;
}

/** `-0` is no other number than 0 to a reader of a unit file. */
function unsignedZero<T extends number | boolean | null | string>(value: T): T | 0 {
  return value === 0 ? 0 : value;
}
