import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unitNameOf } from '../../../src/config/unit-name.ts';

test('unitNameOf() takes the name from NAME.yaml and NAME.yml', () => {
  assert.deepEqual(unitNameOf('web.yaml'), { kind: 'unit', name: 'web' });
  assert.deepEqual(unitNameOf('9-a_b.c.yml'), { kind: 'unit', name: '9-a_b.c' });
});

for (const leftover of [
  '.web.yaml',
  '.web.yaml.swp',
  'web.yaml~',
  '#web.yaml#',
  '.#web.yaml',
  'web.yaml.dpkg-old',
  'web.dpkg-new.yaml',
  'web.yaml.rpmsave',
  'web.yaml.rpmnew',
  'README.md',
  'web',
]) {
  test(`unitNameOf() passes over ${leftover}`, () => {
    assert.deepEqual(unitNameOf(leftover), { kind: 'ignored' });
  });
}

const invalid: readonly (readonly [string, string])[] = [
  [
    'worker@.yaml',
    'cannot load unit file "worker@.yaml": its name has an @, expected none: @ is reserved for templates',
  ],
  ['web.YAML', 'cannot load unit file "web.YAML": its name ends in .YAML, expected .yaml'],
  [
    '-web.yaml',
    'cannot load unit file "-web.yaml": the unit\'s name is "-web", expected letters, digits, . _ and -, beginning with a letter or digit',
  ],
  [
    'a b.yml',
    'cannot load unit file "a b.yml": the unit\'s name is "a b", expected letters, digits, . _ and -, beginning with a letter or digit',
  ],
  [
    'unitd.log.yaml',
    'cannot load unit file "unitd.log.yaml": the unit\'s name is "unitd.log", expected another: in the directory of the logs, that is the log of the daemon',
  ],
  [
    'unitd.log.1.yaml',
    'cannot load unit file "unitd.log.1.yaml": the unit\'s name is "unitd.log.1", expected another: in the directory of the logs, that is the log of the daemon',
  ],
];
for (const [fileName, message] of invalid) {
  test(`unitNameOf() refuses ${fileName}`, () => {
    assert.deepEqual(unitNameOf(fileName), { kind: 'invalid', message });
  });
}

test('unitNameOf() refuses a name of more than 128 characters', () => {
  assert.deepEqual(unitNameOf(`${'a'.repeat(128)}.yaml`), { kind: 'unit', name: 'a'.repeat(128) });
  const refused = unitNameOf(`${'a'.repeat(129)}.yaml`);
  assert.equal(refused.kind, 'invalid');
  assert.match(
    refused.kind === 'invalid' ? refused.message : '',
    /has 129 characters, expected at most 128$/,
  );
});
