import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUnit } from '../../../src/config/parse.ts';
import { shellSyntax } from '../../../src/config/shell-syntax.ts';
import { problemLine } from '../../../src/model/problem.ts';

for (const [command, found] of [
  ['a && b', '&&'],
  ['a || b', '||'],
  ['a | b', '|'],
  ['a ; b', ';'],
  ['a; b', ';'],
  ['a &', '&'],
  ['a > /x', '>'],
  ['a >/x', '>/x'],
  ['a >> x', '>>'],
  ['a < x', '<'],
  ['a <<EOF', '<<EOF'],
  ['a 2>&1', '2>&1'],
  ['a 2>/dev/null', '2>/dev/null'],
  ['a &>x', '&>x'],
  ['a `b`', '`'],
  ['a x$(b)', '$('],
  ['a "$(b)"', '$('],
  ['a "`b`"', '`'],
  ['a -p ${PORT:-8080}', '${PORT:-8080}'],
  ['a "${HOME%/*}/x"', '${HOME%/*}'],
  ['sh -c a && b', '&&'],
  ['kill -s QUIT $MAINPID', '$MAINPID'],
  ['a --port=$PORT', '$PORT'],
  ['a "$HOME/b"', '$HOME'],
  ['a "\\\\$B"', '$B'],
] as const) {
  test(`shellSyntax() finds ${found} in: ${command}`, () => assert.equal(shellSyntax(command), found));
}

for (const command of [
  'a b ${C} --d=e',
  `sh -c 'a && b | c > d; e "$(f)" \`g\`'`,
  'sh -c "a $(b) `c`"',
  'bash -lc "$(a)"',
  `a '&&' "|" \\; \\& '>'`,
  `a '$(b)' '\`'`,
  'a $$(b)',
  'a $$B "$$B" $1 $ b$ \\$B',
  'a "\\$B" "\\$(b)" "\\`b\\`"',
  `awk '{ print $NF }'`,
  'sh -c "a $B"',
  'a $${B:-c} "${B}" ${} ${1} ${b.c} ${B:8080}',
  `sh -c 'a \${B:-c}'`,
  'sh -c "a ${B:-c}"',
  'curl http://localhost/?a=1&b=2;c',
  'nginx -g "daemon off;"',
  'a -> b => c x>y',
  'a --filter=<b>',
  'a "open',
  '',
]) {
  test(`shellSyntax() finds nothing in: ${command}`, () => assert.equal(shellSyntax(command), null));
}

test('parseUnit() warns of shell syntax in each command that is a string, at its place, and still gives the unit', () => {
  const text = `
command: serve > /tmp/log
startPre: [[echo, '&&'], mkdir -p /x && true]
startPost:
  - true | true
stopPost: ["'&&'"]
stop: { command: a; b }
`;
  const { spec, problems } = parseUnit({
    name: 'web',
    file: 'web.yaml',
    bytes: Buffer.from(text.trimStart()),
  });
  assert.deepEqual(spec?.command?.argv, ['serve', '>', '/tmp/log']);
  const line = (place: string, field: string, syntax: string): string =>
    `web.yaml:${place}: warning: cannot run ${field} of unit "web" as a shell would: it has "${syntax}", which no shell reads, expected sh -c '...' or quotes around it`;
  assert.deepEqual(problems.map(problemLine).toSorted(), [
    line('1:10', 'command', '>'),
    line('2:26', 'startPre[1]', '&&'),
    line('4:5', 'startPost[0]', '|'),
    line('6:18', 'stop.command', ';'),
  ]);
});

test('parseUnit() tells how a variable is written that was written for a shell or for systemd', () => {
  const bytes = Buffer.from('command: serve\nstop: { command: kill -QUIT $MAINPID }\n');
  const { problems } = parseUnit({ name: 'web', file: 'web.yaml', bytes });
  assert.deepEqual(problems.map(problemLine), [
    'web.yaml:2:18: warning: cannot run stop.command of unit "web" as a shell would: it has "$MAINPID", which no shell reads, expected ${MAINPID} or single quotes around it',
  ]);
});

test('parseUnit() warns beside errors, and gives no unit for them', () => {
  const { spec, problems } = parseUnit({
    name: 'web',
    file: 'web.yaml',
    bytes: Buffer.from('command: a && b\nnice: 99\n'),
  });
  assert.equal(spec, null);
  assert.deepEqual(
    problems.map(({ severity, code }) => [severity, code]),
    [
      ['error', 'wrong-value'],
      ['warning', 'shell-syntax'],
    ],
  );
});
