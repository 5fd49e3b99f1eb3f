// unitd(1) against the program: every verb, option, choice, exit code, state and variable is in it, and none that is
// not; and no page has what mandoc complains of.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { EXIT } from '../../../src/cli/exit-code.ts';
import { GLOBAL_OPTIONS, VERBS } from '../../../src/cli/verb-table.ts';
import { STATES } from '../../../src/model/state.ts';
import { literalsIn, MANUAL_DIRECTORY, PAGES, readManual, sectionOf } from '../../support/manual.ts';

test('unitd(1) has a section for every verb, and none for what is none', () => {
  const commands = sectionOf(readManual('unitd.1'), 'Sh', 'COMMANDS');
  const told = [...commands.matchAll(/^\.Ss ([a-z]+)$/gm)].map(([, verb = '']) => verb);
  assert.deepEqual(told.toSorted(), VERBS.map(({ name }) => name).toSorted());
});

for (const verb of VERBS) {
  test(`unitd(1) names the options of "${verb.name}", and no other`, () => {
    const section = sectionOf(readManual('unitd.1'), 'Ss', verb.name);
    const known = verb.options.flatMap(({ long, short }) => [long, ...(short === undefined ? [] : [short])]);
    assert.deepEqual(optionsIn(section), known.toSorted());
  });

  test(`unitd(1) names the choices of the options of "${verb.name}"`, () => {
    const section = sectionOf(readManual('unitd.1'), 'Ss', verb.name);
    for (const { long, choices } of verb.options) {
      if (choices === undefined) continue;
      const line = section.split('\n').find((text) => text.startsWith(`.It Fl ${long.slice(1)} `)) ?? '';
      assert.deepEqual(line.split(' Cm ')[1]?.split(' | '), choices, long);
    }
  });
}

test('unitd(1) names the options that every verb takes, and no other', () => {
  const known = ['--help', '-h', '--version', '-V', ...GLOBAL_OPTIONS.map(({ long }) => long)];
  assert.deepEqual(optionsIn(sectionOf(readManual('unitd.1'), 'Sh', 'OPTIONS')), known.toSorted());
});

/** Every `Fl` of the text, as it is typed. */
function optionsIn(text: string): readonly string[] {
  const lines = text.split('\n').filter((line) => /^\.(?:.* )?Fl /.test(line));
  const words = lines.flatMap((line) => {
    const flags = line.slice(line.search(/\bFl /));
    // `Fl h , -help`: the macro goes on to what stands after a comma; `Fl n Ar count , Fl -lines`: it is named again.
    return [...flags.matchAll(/\bFl (\S+)(?: , (-\S+))*/g)].flatMap((match) =>
      match[0].slice(3).split(' , '),
    );
  });
  return [...new Set(words.map((word) => `-${word}`))].toSorted();
}

test('unitd(1) lists every exit code, and no other', () => {
  const section = sectionOf(readManual('unitd.1'), 'Sh', 'EXIT STATUS');
  const told = [...section.matchAll(/^\.It (\d+)$/gm)].map(([, code]) => Number(code));
  assert.deepEqual(told, Object.values(EXIT));
});

test('unitd(1) explains every state, in their order', () => {
  const section = sectionOf(readManual('unitd.1'), 'Ss', 'States');
  assert.deepEqual(
    [...section.matchAll(/^\.It Sy (\w+)$/gm)].map(([, state]) => state),
    STATES,
  );
});

test('unitd(1) lists every variable that the program reads, and no other', () => {
  const section = sectionOf(readManual('unitd.1'), 'Sh', 'ENVIRONMENT');
  const told = section
    .split('\n')
    .filter((line) => line.startsWith('.It Ev '))
    .flatMap((line) => line.slice('.It Ev '.length).split(' , '));
  const read = literalsIn(['base', 'cli', 'daemon'], [/\benv\['(\w+)'\]/g]);
  // The home directory and the locale are everybody's.
  const expected = new Set([...read, 'UNITD_SOCKET'].filter((name) => !/^(HOME|LANG|LC_\w+)$/.test(name)));
  assert.deepEqual(told.toSorted(), [...expected].toSorted());
});

test('the manual pages refer to no page of ours that does not exist', () => {
  const named = PAGES.flatMap((page) =>
    [...readManual(page).matchAll(/^\.Xr (unitd\S*) (\d)/gm)].map(
      ([, name, section]) => `${name}.${section}`,
    ),
  );
  assert.deepEqual(
    named.filter((name) => !PAGES.some((page) => page === name)),
    [],
  );
});

test('mandoc finds nothing wrong with the manual pages', (t) => {
  const found = lint();
  if (found === null) return t.skip('mandoc is not installed');
  assert.deepEqual(found, []);
});

/** What mandoc says, a line each; null where there is none. */
function lint(): readonly string[] | null {
  const { error, stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', '-W', 'style', ...PAGES], {
    cwd: MANUAL_DIRECTORY,
    encoding: 'utf8',
  });
  if (error !== undefined && process.env['UNITD_TEST_SERVICES'] !== 'required') return null;
  assert.equal(error, undefined);
  assert.doesNotMatch(stderr, /usage/);
  // It also looks for the pages that are referred to on this machine, which may have none, or not ours.
  return stdout.split('\n').filter((line) => line !== '' && !line.includes('referenced manual not found'));
}
