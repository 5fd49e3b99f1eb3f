// Text to a tree of positioned nodes: js-yaml parses it into events with offsets, compose makes the tree. Here are the
// rules of a file as a whole: valid YAML, one document, not empty. It must not know any field of a unit.
import { EVENT_ID, type Event, parseEvents, YAMLException } from 'js-yaml';
import { Composer, type Parsed, startOf } from './compose.ts';
import { type Finding, visible } from './tree.ts';

const MAX_DEPTH = 32;

export function parseYaml(text: string): Parsed {
  const refused = (reason: Finding): Parsed => ({ root: null, findings: [reason], leftOut: new Set() });
  let events: readonly Event[];
  try {
    events = parseEvents(text, { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    return refused(syntaxFinding(error, text));
  }
  const second = events.findIndex((event, index) => index > 0 && event.type === EVENT_ID.DOCUMENT);
  if (second !== -1) {
    const at = secondDocumentOffset(text, events, second);
    return refused(finding('several-documents', at, 'the file has a second document', 'expected one'));
  }
  const first = events[1];
  if (first === undefined || (first.type === EVENT_ID.SCALAR && first.valueStart === -1)) {
    return refused(finding('empty-file', 0, 'the file is empty', 'expected a mapping of fields'));
  }
  return new Composer(text, events).document();
}

function syntaxFinding(error: YAMLException, text: string): Finding {
  const reason = visible(error.reason);
  const at = error.mark?.position ?? 0;
  if (reason.startsWith('nesting exceeded')) {
    return finding('nesting', at, `nested more than ${MAX_DEPTH} deep`, 'expected a flat file');
  }
  const [actual, expected] = slipAt(text, at, reason) ?? [reason, 'expected valid YAML 1.2'];
  return finding('syntax', at, `YAML does not parse here: ${actual}`, expected);
}

/** What most likely was not meant, where the parser's own words are of what it was looking for; null: take these. */
function slipAt(
  text: string,
  at: number,
  reason: string,
): readonly [actual: string, expected: string] | null {
  if (reason === 'deficient indentation') {
    return ['a quote or bracket is still open', 'expected its closing one before this line'];
  }
  if (reason !== 'bad indentation of a mapping entry') return null;
  const before = text.slice(text.lastIndexOf('\n', at - 1) + 1, at);
  const sign = text[at] ?? '';
  if (/^[^:#'"]+: +[^'" ].*$/.test(before) && sign === ':') {
    return ['the value has a colon and a blank in it', 'expected quotes around the value'];
  }
  if (/: +$/.test(before) && /[@`%]/.test(sign)) {
    return [`the value begins with ${sign}`, 'expected quotes around the value'];
  }
  if (/: +(?:"[^"]*"|'[^']*') *$/.test(before)) {
    return ['the value goes on behind its closing quote', 'expected quotes around the whole value'];
  }
  return null;
}

/** A `---` at the start of a line always begins a document, so the n-th marker belongs to the n-th explicit start. */
function secondDocumentOffset(text: string, events: readonly Event[], second: number): number {
  const document = events[second];
  if (document?.type === EVENT_ID.DOCUMENT && document.explicitStart) {
    const before = events
      .slice(0, second)
      .filter((e) => e.type === EVENT_ID.DOCUMENT && e.explicitStart).length;
    return [...text.matchAll(/^---(?=\s|$)/gm)][before]?.index ?? 0;
  }
  const content = events[second + 1];
  return content === undefined ? 0 : Math.max(startOf(content), 0);
}

function finding(code: string, at: number, actual: string, expected: string): Finding {
  return { code, at, path: [], actual, expected };
}
