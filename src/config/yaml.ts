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
    return refused(syntaxFinding(error));
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

function syntaxFinding(error: YAMLException): Finding {
  const reason = visible(error.reason);
  const tooDeep = reason.startsWith('nesting exceeded');
  return finding(
    tooDeep ? 'nesting' : 'syntax',
    error.mark?.position ?? 0,
    tooDeep ? `nested more than ${MAX_DEPTH} deep` : `YAML does not parse here: ${reason}`,
    tooDeep ? 'expected a flat file' : 'expected valid YAML 1.2',
  );
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
