import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { resolvePaths } from '../../../src/base/paths.ts';
import type { Context } from '../../../src/cli/context.ts';
import { screenOf } from '../../../src/cli/screen.ts';
import { runLogs } from '../../../src/cli/verbs/logs.ts';
import { numbers, temporaryDirectory } from '../../fixtures/log-setup.ts';
import { cleanUp } from '../../support/cleanup.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

type Answer = (path: string, response: ServerResponse, close: () => void) => void;

/** Runs the verb against a daemon that answers like this. */
async function logs(
  t: TestContext,
  units: readonly string[],
  options: Context['invocation']['options'],
  answer: Answer,
): Promise<Ran> {
  const socket = join(temporaryDirectory(t), 'socket');
  const close = (): void => void server.close();
  const server = createServer((request, response) => answer(request.url ?? '', response, close));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  cleanUp(t, close);
  let out = '';
  let err = '';
  const screen = screenOf({ isTTY: false, columns: undefined, rows: undefined }, {}, 'never');
  const code = await runLogs({
    invocation: { verb: 'logs', operands: units, options },
    paths: resolvePaths({ uid: 0, env: {}, flags: { socket } }),
    uid: 0,
    env: {},
    out: screen,
    err: screen,
    json: false,
    print: (text) => void (out += text),
    note: (text) => void (err += text),
    now: () => Date.UTC(2026, 10, 22, 10),
  });
  return { code, out, err };
}

function line(unit: string, second: number, text: string): string {
  const time = `2026-11-22T10:00:${String(second).padStart(2, '0')}.000000000Z`;
  return `${JSON.stringify({ unit, time, stream: 'stdout', text })}\n`;
}

function isLogs(path: string): boolean {
  return path.includes('/logs?');
}

test('logs: a stream that was cut off is told, with 69 where the daemon has ended', async (t) => {
  const ran = await logs(t, ['web'], { lines: 'all' }, (_path, response, close) => {
    response.write(line('web', 1, 'one'), () => {
      close();
      response.destroy();
    });
  });
  assert.deepEqual(ran, {
    code: 69,
    out: 'one\n',
    err: 'unitd: cannot read all of the log of unit "web": the daemon has ended, expected its last line\n  look again: unitd status\n',
  });
});

test('logs: a stream that was cut off by a daemon that answers still is told, with 1', async (t) => {
  const answer: Answer = (path, response) => {
    if (!isLogs(path)) return response.end('{"apiVersion":"unitd/v1"}');
    const unit = path.startsWith('/v1/units/a/') ? 'a' : 'b';
    response.write(line(unit, 1, unit), () => (unit === 'a' ? response.end() : response.destroy()));
    return undefined;
  };
  const ran = await logs(t, ['a', 'b'], { lines: 'all' }, answer);
  assert.equal(ran.code, 1);
  assert.match(ran.out, /^a . a\nb . b\n$/);
  assert.match(
    ran.err,
    /^unitd: cannot read all of the log of unit "b": it was cut off, expected its last line\n/,
  );
});

test('logs: a time before all time is the earliest, and asks for all', async (t) => {
  const asked: string[] = [];
  const ran = await logs(t, ['web'], { since: '104249991d' }, (path, response) => {
    asked.push(path);
    response.end(line('web', 1, 'one'));
  });
  assert.deepEqual([ran.code, ran.out, ran.err], [0, 'one\n', '']);
  assert.deepEqual(asked, ['/v1/units/web/logs?since=0000-01-01T00%3A00%3A00.000Z']);
});

test('logs: as many lines may be asked for as the daemon takes', async (t) => {
  const asked: string[] = [];
  const ran = await logs(t, ['web'], { lines: '999999999999999' }, (path, response) => {
    asked.push(path);
    response.end(line('web', 1, 'one'));
  });
  assert.deepEqual([ran.code, ran.out, ran.err], [0, 'one\n', '']);
  assert.deepEqual(asked, ['/v1/units/web/logs?lines=999999999999999']);
});

test('logs: many units are read some at a time, without a word from node', async (t) => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', onWarning);
  cleanUp(t, () => void process.off('warning', onWarning));
  const units = numbers(1, 200).map((number) => `unit-${number}`);
  const held: (() => void)[] = [];
  let most = 0;
  let asked = 0;
  let isAnswering = false;
  // Turns of the loop, in which more come if the client sends more at once.
  const answerAfter = (turns: number): void => {
    isAnswering = turns > 0;
    if (isAnswering) setImmediate(answerAfter, turns - 1);
    else for (const end of held.splice(0)) end();
  };
  const ran = await logs(t, units, {}, (_path, response) => {
    asked += 1;
    held.push(() => response.end(line(`unit-${asked}`, 1, 'x')));
    most = Math.max(most, held.length);
    if (!isAnswering && (held.length >= 64 || asked === units.length)) answerAfter(50);
  });
  assert.deepEqual([ran.code, ran.err, asked], [0, '', 200]);
  assert.equal(most, 64);
  assert.deepEqual(warnings, []);
});

test('logs -f -n: a burst whose last line alone was asked for is not printed when it is opened again', async (t) => {
  let opened = 0;
  const ran = await logs(t, ['web'], { follow: true, lines: '1' }, (_path, response) => {
    opened += 1;
    if (opened === 1) response.write(line('web', 1, 'two'), () => response.destroy());
    else if (opened === 2)
      response.end(line('web', 1, 'one') + line('web', 1, 'two') + line('web', 2, 'three'));
    else {
      response.statusCode = 404;
      response.end(JSON.stringify({ type: 'tag:x:no-such-unit', detail: 'cannot find unit "web"' }));
    }
  });
  assert.equal(ran.out, 'two\nthree\n');
});

test('logs -f: what was cut off is opened again from its last line, until it is refused', async (t) => {
  const asked: string[] = [];
  const ran = await logs(t, ['web'], { follow: true }, (path, response) => {
    asked.push(path);
    if (asked.length === 1) response.write(line('web', 1, 'one'), () => response.destroy());
    else if (asked.length === 2) response.end(line('web', 1, 'one') + line('web', 2, 'two'));
    else {
      response.statusCode = 404;
      response.end(JSON.stringify({ type: 'tag:x:no-such-unit', detail: 'cannot find unit "web"' }));
    }
  });
  assert.equal(ran.out, 'one\ntwo\n');
  assert.equal(ran.code, 4);
  assert.deepEqual(asked.slice(0, 3), [
    '/v1/units/web/logs?lines=50&follow=1',
    '/v1/units/web/logs?since=2026-11-22T10%3A00%3A01.000Z&follow=1',
    '/v1/units/web/logs?since=2026-11-22T10%3A00%3A02.000Z&follow=1',
  ]);
});

test('logs -f: more units than there are connections are refused; as many as there are, without a word from node', async (t) => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.name);
  process.on('warning', onWarning);
  cleanUp(t, () => void process.off('warning', onWarning));
  const units = numbers(1, 501).map((number) => `unit-${number}`);
  const refuse: Answer = (_path, response) => {
    response.statusCode = 404;
    response.end(JSON.stringify({ type: 'tag:x:no-such-path', detail: 'refused' }));
  };
  const many = await logs(t, units, { follow: true }, refuse);
  assert.deepEqual(many, {
    code: 64,
    out: '',
    err: 'unitd: cannot follow the logs of 501 units: each takes a connection to the daemon, expected at most 500\n  see: unitd help logs\n',
  });
  const fewer = await logs(t, units.slice(0, 40), { follow: true }, refuse);
  assert.equal(fewer.err, 'unitd: refused\n');
  assert.deepEqual(warnings, []);
});

test('logs -f of all ends with the unit that is one too many, also where it comes later', async (t) => {
  const many = await logs(t, [], { follow: true }, (path, response) => {
    if (path === '/v1/units') {
      const units = numbers(1, 500).map((number) => ({ name: `unit-${number}` }));
      return response.end(JSON.stringify({ apiVersion: 'unitd/v1', units }));
    }
    if (path.startsWith('/v1/events')) {
      for (const unit of ['unit-1', 'later'])
        response.write(`${JSON.stringify({ type: 'state', unit, from: null, to: {} })}\n`);
    }
    return undefined;
  });
  assert.deepEqual(many, {
    code: 64,
    out: '',
    err: 'unitd: cannot follow the logs of 501 units: each takes a connection to the daemon, expected at most 500\n  see: unitd help logs\n',
  });
});

test('logs of all passes over a unit that has gone since they were listed', async (t) => {
  const answer: Answer = (path, response) => {
    if (path === '/v1/units')
      return response.end('{"apiVersion":"unitd/v1","units":[{"name":"gone"},{"name":"web"}]}');
    if (path.startsWith('/v1/units/web/')) return response.end(line('web', 1, 'here'));
    response.statusCode = 404;
    return response.end(JSON.stringify({ type: 'tag:x:no-such-unit', detail: 'no such unit "gone"' }));
  };
  assert.deepEqual(await logs(t, [], {}, answer), { code: 0, out: 'web  │ here\n', err: '' });
});
