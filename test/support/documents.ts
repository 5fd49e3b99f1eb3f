// Documents that a unit file might hold when nothing is as it should be: any bytes, pieces of YAML in any order, and
// fields of unit files with values that fit or do not.
import fc from 'fast-check';
import { dump } from 'js-yaml';
import { unitSchema } from '../../src/config/schema.ts';

const fragments = fc.array(
  fc.oneof(
    fc.constantFrom(
      ...[
        'command',
        'restart',
        'delay',
        'environment',
        'stop',
        'requires',
        'type',
        'target',
        '<<',
        '__proto__',
        'x',
      ],
      ...[
        ': ',
        ':',
        '\n',
        '\n  ',
        '\n    ',
        '\t',
        '- ',
        '? ',
        '[',
        ']',
        '{',
        '}',
        ', ',
        '"',
        "'",
        '|\n',
        '>\n',
        '#',
      ],
      ...[
        '&a ',
        '*a',
        '&b ',
        '*b',
        '!!str ',
        '!!map ',
        '!x ',
        '---\n',
        '...\n',
        '%YAML 1.2\n',
        '5s',
        '5',
        '~',
        'true',
        '.inf',
      ],
      ...['\\', '\r\n', '\0', '\ufeff', '\u2028', '$', '0o7', '-0'],
    ),
    fc.string({ maxLength: 3, unit: 'binary' }),
  ),
  { maxLength: 40 },
);

const FIELD_NAMES = [
  ...Object.keys(unitSchema().properties ?? {}),
  'delay',
  'signal',
  'maxSize',
  'nofile',
  'valueOf',
  '0',
  '',
];

const value = fc.letrec((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('5s', 'infinity', 'TERM', 'db', 'web', '10MB', '-/a', '/a', '0027', '5:3', "'", ''),
    fc.constantFrom<unknown>(0, -0, 1, 5, 0.5, 1e300, null, true, false),
    fc.array(tie('node'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...FIELD_NAMES), tie('node'), { maxKeys: 4 }),
  ),
})).node;

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export const anyBytes: fc.Arbitrary<Uint8Array> = fc.uint8Array({ maxLength: 200 });

export const anyPieces: fc.Arbitrary<Uint8Array> = fragments.map((pieces) => encoded(pieces.join('')));

export const anyFields: fc.Arbitrary<Uint8Array> = fc
  .dictionary(fc.constantFrom(...FIELD_NAMES), value, { maxKeys: 6 })
  .map((fields) => encoded(dump(fields)));

/** Mostly unit files. */
export const anyText: fc.Arbitrary<Uint8Array> = fc
  .record({ description: fc.string({ unit: 'binary' }), nice: fc.integer({ min: -30, max: 30 }) })
  .map((fields) => encoded(dump({ command: 'sleep infinity', ...fields })));
