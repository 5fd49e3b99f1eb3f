// Routes: which requests are understood, what reaches the daemon, what is refused and how.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atOnce } from '../../../src/core/steps.ts';
import { ROUTES } from '../../../src/api/routes.ts';
import {
  SAMPLE_PLAN,
  SAMPLE_PLAN_DOCUMENT,
  SAMPLE_PROBLEM,
  SAMPLE_REEXEC,
} from '../../support/sample-documents.ts';
import { fakeControl, refused } from '../../support/fake-control.ts';
import { schemaComplaints } from '../../support/wire-schemas.ts';
import { NOW, all, askDocument, askLines } from './ask.ts';

const NDJSON = 'application/x-ndjson';

test('ROUTES: every path of the contract has its method', () => {
  assert.deepEqual(
    ROUTES.map(({ method, path }) => `${method} ${path}`),
    [
      'GET /v1/status',
      'GET /v1/units',
      'GET /v1/units/{name}',
      'GET /v1/units/{name}/logs',
      'GET /v1/plan',
      'GET /v1/events',
      'GET /v1/operations/{id}',
      'POST /v1/reload',
      'POST /v1/reexec',
      'POST /v1/units/{name}/start',
      'POST /v1/units/{name}/stop',
      'POST /v1/units/{name}/restart',
      'POST /v1/units/{name}/signal',
      'POST /v1/units/{name}/release',
      'POST /v1/units/{name}/reset',
    ],
  );
});

test('GET documents: the value is what the daemon offers', async () => {
  const control = fakeControl();
  const unit = await control.unit('web');
  assert.ok(unit.ok);
  for (const [line, expected] of [
    ['GET /v1/status', atOnce(control.status())],
    ['GET http://localhost/v1/status', atOnce(control.status())],
    ['GET /v1/units', atOnce(control.graph())],
    ['GET /v1/units/web', unit.value],
    ['GET /v1/units/w%65b', unit.value],
    ['GET /v1/plan', SAMPLE_PLAN_DOCUMENT],
  ] as const) {
    const { status, contentType, value } = await askDocument(control, line);
    assert.deepEqual(
      { status, contentType, value },
      { status: 200, contentType: 'application/json', value: expected },
      line,
    );
  }
});

test('GET /v1/plan: partial is read as a flag', async () => {
  const control = fakeControl();
  for (const query of ['', '?partial=0', '?partial=false', '?partial=1', '?partial=true', '?partial']) {
    await askDocument(control, `GET /v1/plan${query}`);
  }
  assert.deepEqual(
    control.calls.map(({ arguments: [request] }) => request),
    [false, false, false, true, true, true].map((partial) => ({ partial })),
  );
});

test('refusals: each is a problem document that says what was wrong and what was expected', async () => {
  const rows: readonly (readonly [string, string, number, string, RegExp])[] = [
    ['GET /', '', 404, 'no-such-path', /path "\/"/],
    ['GET /v1/', '', 404, 'no-such-path', /no such path/],
    ['GET /v2/status', '', 404, 'no-such-path', /no such path/],
    ['GET /v1/status/', '', 404, 'no-such-path', /no such path/],
    ['GET /v1/units/', '', 404, 'no-such-path', /no such path/],
    ['GET /v1/units/%zz', '', 404, 'no-such-path', /%zz/],
    ['GET /v1/../v1/status', '', 404, 'no-such-path', /no such path/],
    ['POST /v1/units/web/explode', '', 404, 'no-such-path', /explode/],
    ['POST /v1/units/web/{name}', '', 404, 'no-such-path', /no such path/],
    ['POST /v1/status', '', 405, 'method-not-allowed', /expected GET/],
    ['HEAD /v1/reload', '', 405, 'method-not-allowed', /expected POST/],
    ['HEAD /v1/units/nope', '', 404, 'no-such-unit', /unit "nope"/],
    ['GET /v1/reload', '', 405, 'method-not-allowed', /expected POST/],
    ['DELETE /v1/units/web/start', '', 405, 'method-not-allowed', /expected POST/],
    ['GET /v1/units/nope', '', 404, 'no-such-unit', /unit "nope"/],
    ['GET /v1/units/%2e%2e%2fetc', '', 404, 'no-such-unit', /unit "\.\.\/etc"/],
    ['POST /v1/units/nope/start', '', 404, 'no-such-unit', /unit "nope"/],
    ['GET /v1/units/nope/logs', '', 404, 'no-such-unit', /unit "nope"/],
    ['GET /v1/status?x=1', '', 400, 'wrong-query', /"x": no such parameter, expected none/],
    ['GET /v1/units?__proto__=1', '', 400, 'wrong-query', /"__proto__": no such parameter/],
    ['GET /v1/plan?partial=maybe', '', 400, 'wrong-query', /"partial": "maybe", expected 1 or 0/],
    ['GET /v1/plan?partial=1&partial=1', '', 400, 'wrong-query', /given 2 times, expected once/],
    ['GET /v1/plan?full=1', '', 400, 'wrong-query', /"full": no such parameter, expected one of partial/],
    ['GET /v1/units/web/logs?lines=-1', '', 400, 'wrong-query', /"lines": "-1", expected a whole number/],
    [
      'GET /v1/units/web/logs?since=yesterday',
      '',
      400,
      'wrong-query',
      /expected an RFC 3339 time or a duration/,
    ],
    [
      'GET /v1/units/web/logs?since=2026-13-01T00:00:00Z',
      '',
      400,
      'wrong-query',
      /expected an RFC 3339 time/,
    ],
    [
      'GET /v1/units/web/logs?since=2026-02-30T00:00:00Z',
      '',
      400,
      'wrong-query',
      /expected an RFC 3339 time/,
    ],
    ['GET /v1/units/web/logs?stream=stdin', '', 400, 'wrong-query', /expected stdout or stderr/],
    ['GET /v1/events?unit=', '', 400, 'wrong-query', /"unit": "", expected names, separated by commas/],
    ['GET /v1/events?type=,', '', 400, 'wrong-query', /"type": ",", expected some of state, exit, usage/],
    ['GET /v1/events?type=state&type=lost', '', 400, 'wrong-query', /expected some of state, exit, usage/],
    ['POST /v1/reload', '{', 400, 'malformed-json', /expected a JSON object/],
    ['POST /v1/reload', 'nonsense', 400, 'malformed-json', /expected a JSON object/],
    ['POST /v1/reload', '[]', 400, 'wrong-body', /a list, expected a JSON object/],
    ['POST /v1/reload', 'null', 400, 'wrong-body', /null, expected a JSON object/],
    ['POST /v1/reload', '{"wait":"yes"}', 400, 'wrong-body', /field "wait": "yes", expected true or false/],
    ['POST /v1/reload', '{"wait":null}', 400, 'wrong-body', /field "wait": null, expected true or false/],
    ['POST /v1/reload', '{"plan":""}', 400, 'wrong-body', /field "plan": "", expected a text/],
    ['POST /v1/reload', '{"timeoutMs":-1}', 400, 'wrong-body', /"timeoutMs": -1, expected a whole number/],
    ['POST /v1/reload', '{"timeoutMs":1.5}', 400, 'wrong-body', /1\.5, expected a whole number/],
    ['POST /v1/reload', '{"timeoutMs":1e999}', 400, 'wrong-body', /expected a whole number/],
    [
      'POST /v1/reload',
      '{"dryrun":true}',
      400,
      'wrong-body',
      /"dryrun": no such field, expected one of dryRun, plan/,
    ],
    ['POST /v1/reload', '{"__proto__":{}}', 400, 'wrong-body', /"__proto__": no such field/],
    ['POST /v1/reload', '{"constructor":1}', 400, 'wrong-body', /"constructor": no such field/],
    ['POST /v1/reload', '{"dryRun":true,"plan":"x"}', 400, 'wrong-body', /given with "dryRun"/],
    ['POST /v1/reload?wait=0', '', 400, 'wrong-query', /"wait": no such parameter/],
    ['POST /v1/units/web/stop', '{"signal":"HUP"}', 400, 'wrong-body', /expected one of wait, timeoutMs/],
    ['POST /v1/units/web/signal', '{"whom":"some"}', 400, 'wrong-body', /expected "main" or "all"/],
  ];
  for (const [line, body, status, code, detail] of rows) {
    const answer = await askDocument(fakeControl(), line, { body });
    assert.equal(answer.status, status, line);
    assert.equal(answer.contentType, 'application/problem+json', line);
    const problem = answer.value;
    assert.ok(typeof problem === 'object' && problem !== null && 'detail' in problem && 'type' in problem);
    assert.equal(problem.type, `tag:unitd,2026:${code}`, line);
    assert.match(String(problem.detail), detail, line);
    assert.ok('status' in problem && problem.status === status, line);
  }
});

test('405: Allow names the methods of the path', async () => {
  assert.equal((await askDocument(fakeControl(), 'PUT /v1/status')).allow, 'GET, HEAD');
  assert.equal((await askDocument(fakeControl(), 'PUT /v1/units/web/stop')).allow, 'POST');
});

test('bodies: bytes that are not UTF-8 are refused, and nothing reaches the daemon', async () => {
  const control = fakeControl();
  const answer = await askDocument(control, 'POST /v1/units/web/stop', {
    body: Uint8Array.of(0x22, 0xff, 0x22),
  });
  assert.equal(answer.status, 400);
  assert.match(JSON.stringify(answer.value), /not UTF-8/);
  assert.deepEqual(control.calls, []);
});

test('Origin: a web page gets 403, and nothing reaches the daemon', async () => {
  const control = fakeControl();
  for (const origin of ['http://localhost', 'null']) {
    const answer = await askDocument(control, 'POST /v1/units/web/stop', { origin });
    assert.equal(answer.status, 403);
  }
  assert.deepEqual(control.calls, []);
});

test('POST /v1/units/{name}/{verb}: name, verb and fields reach the daemon', async () => {
  const control = fakeControl();
  for (const [line, body] of [
    ['POST /v1/units/web/start', ''],
    ['POST /v1/units/web/stop', '{"wait":false}'],
    ['POST /v1/units/web/restart', ' { "wait": true, "timeoutMs": 1500 } '],
    ['POST /v1/units/web/signal', '{"signal":"HUP","whom":"all"}'],
    ['POST /v1/units/web/release', '{}'],
    ['POST /v1/units/web/reset', '{}'],
  ] as const) {
    assert.equal((await askDocument(control, line, { body })).status, 200, line);
  }
  assert.deepEqual(
    control.calls.map((call) => call.arguments),
    [
      ['web', 'start', {}],
      ['web', 'stop', { wait: false }],
      ['web', 'restart', { wait: true, timeoutMs: 1500 }],
      ['web', 'signal', { signal: 'HUP', whom: 'all' }],
      ['web', 'release', {}],
      ['web', 'reset', {}],
    ],
  );
});

test('POST /v1/reload: the fields reach the daemon; dryRun is a plan', async () => {
  const control = fakeControl();
  const reload = await askDocument(control, 'POST /v1/reload', { body: '{"plan":"5f2c","timeoutMs":0}' });
  assert.equal(reload.status, 200);
  const dry = await askDocument(control, 'POST /v1/reload', { body: '{"dryRun":true,"partial":true}' });
  assert.deepEqual(dry.value, SAMPLE_PLAN_DOCUMENT);
  assert.deepEqual(control.calls, [
    { method: 'reload', arguments: [{ plan: '5f2c', timeoutMs: 0 }] },
    { method: 'plan', arguments: [{ partial: true }] },
  ]);
});

test("the daemon's own refusal passes through with all that it carries", async () => {
  const moved = refused(409, 'plan-moved', 'The plan does not hold', 'the files changed', {
    plan: SAMPLE_PLAN,
  });
  const invalid = refused(422, 'invalid-units', 'Invalid unit files', '1 error', {
    problems: [SAMPLE_PROBLEM],
  });
  const control = fakeControl({ plan: invalid, reload: () => moved });
  const reload = await askDocument(control, 'POST /v1/reload');
  assert.deepEqual([reload.status, reload.value], [409, moved.error]);
  const plan = await askDocument(control, 'GET /v1/plan');
  assert.deepEqual([plan.status, plan.value], [422, invalid.error]);
});

test('POST as NDJSON: progress in order, then the result', async () => {
  const control = fakeControl();
  for (const accept of [NDJSON, 'application/json;q=0.5, Application/X-NDJSON;q=1']) {
    const lines = await all(askLines(control, 'POST /v1/units/db/start', { accept }));
    assert.deepEqual(
      lines.map((line) => Object.entries(line ?? {})[0]),
      [
        ['type', 'progress'],
        ['type', 'result'],
      ],
    );
  }
});

test('POST as NDJSON: a refusal and a bug are the last line', async () => {
  const bugs: unknown[] = [];
  const broken = new Error('secret of the daemon');
  const control = fakeControl({
    operate: (name, _verb, _request, progress) => {
      progress({ type: 'progress', unit: name, state: 'starting', reason: 'asked for' });
      throw broken;
    },
  });
  const asked = { accept: NDJSON, onBug: (error: unknown) => void bugs.push(error) };
  const [refusal, ...none] = await all(askLines(control, 'POST /v1/units/nope/start', asked));
  assert.deepEqual(none, []);
  assert.match(JSON.stringify(refusal), /^\{"type":"error","error":\{"type":"tag:unitd,2026:no-such-unit"/);
  const [progress, bug] = await all(askLines(control, 'POST /v1/units/web/start', asked));
  assert.match(JSON.stringify(progress), /"type":"progress"/);
  assert.match(JSON.stringify(bug), /^\{"type":"error","error":\{"type":"tag:unitd,2026:internal"/);
  assert.doesNotMatch(JSON.stringify(bug), /secret/);
  assert.deepEqual(bugs, [broken]);
});

test('a bug: 500 without its words to the client, with all of it to onBug', async () => {
  const bugs: unknown[] = [];
  const broken = new Error('secret of the daemon');
  const control = {
    ...fakeControl(),
    status: () => {
      throw broken;
    },
    unit: () => Promise.reject(broken),
  };
  for (const line of ['GET /v1/status', 'GET /v1/units/web']) {
    const answer = await askDocument(control, line, { onBug: (error) => void bugs.push(error) });
    assert.equal(answer.status, 500);
    assert.doesNotMatch(JSON.stringify(answer.value), /secret|routes/);
  }
  assert.deepEqual(bugs, [broken, broken]);
});

test('GET logs: the query reaches the daemon', async () => {
  const control = fakeControl();
  const none = { lines: null, sinceWall: null, stream: null, follow: false };
  const rows: readonly (readonly [string, object])[] = [
    ['', none],
    ['?lines=0', { ...none, lines: 0 }],
    ['?lines=20&stream=stderr', { ...none, lines: 20, stream: 'stderr' }],
    ['?since=10m', { ...none, sinceWall: NOW - 600_000 }],
    ['?since=2026-11-22T09:00:00.25Z', { ...none, sinceWall: NOW - 3_599_750 }],
    ['?since=2026-11-22T10:30:00%2B01:00', { ...none, sinceWall: NOW - 1_800_000 }],
    ['?since=2026-11-22T10:30:00+01:00', { ...none, sinceWall: NOW - 1_800_000 }],
    ['?since=2026-11-22T09:00:00-01:00', { ...none, sinceWall: NOW }],
    ['?since=104249991d', { ...none, sinceWall: Date.parse('0000-01-01T00:00:00Z') }],
    ['?since=9999-12-31T23:59:59-01:00', { ...none, sinceWall: Date.parse('9999-12-31T23:59:59.999Z') }],
  ];
  for (const [query] of rows) await all(askLines(control, `GET /v1/units/web/logs${query}`));
  assert.deepEqual(
    control.calls.map((call) => call.arguments),
    rows.map(([, query]) => ['web', query]),
  );
});

test('GET logs: one line each, those to come with follow, an end at hangup', async () => {
  const control = fakeControl();
  const client = new AbortController();
  const lines = askLines(control, 'GET /v1/units/web/logs?lines=1&follow=1', { hangup: client.signal });
  assert.match(JSON.stringify((await lines.next()).value), /"GET \/ 200"/);
  const next = lines.next();
  control.log({ unit: 'web', time: null, stream: null, text: 'late "line"\n' });
  assert.deepEqual((await next).value, { unit: 'web', time: null, stream: null, text: 'late "line"\n' });
  client.abort();
  assert.equal((await lines.next()).done, true);
  assert.equal(control.openLogReaders(), 0);
});

test('GET events: the query reaches the daemon, by comma or repeated', async () => {
  const control = fakeControl();
  const client = new AbortController();
  client.abort();
  for (const query of [
    '',
    '?unit=web&unit=db&type=exit,state&snapshot=1&after=7',
    '?unit=web,db,&type=state&type=exit',
  ]) {
    await all(askLines(control, `GET /v1/events${query}`, { hangup: client.signal }));
  }
  assert.deepEqual(
    control.calls.map(({ arguments: [query] }) => query),
    [
      { units: [], types: [], snapshot: false, after: null },
      { units: ['web', 'db'], types: ['state', 'exit'], snapshot: true, after: 7 },
      { units: ['web', 'db'], types: ['state', 'exit'], snapshot: false, after: null },
    ],
  );
  assert.equal(control.openSubscriptions(), 0);
});

test('GET events: the snapshot is whole however small the queue; what is dropped later is counted', async () => {
  const control = fakeControl();
  const client = new AbortController();
  const lines = askLines(control, 'GET /v1/events?snapshot=1', { hangup: client.signal, queueBytes: 10 });
  const units = atOnce(control.status()).units.length;
  const head = { apiVersion: 'unitd/v1', at: '2026-11-22T10:00:00.000Z' };
  const read = [(await lines.next()).value];
  control.emit({ type: 'daemon', phase: 'ready' });
  control.emit({ type: 'removed', unit: 'web' });
  control.emit({ type: 'daemon', phase: 'stopping' });
  while (read.length < units + 2) read.push((await lines.next()).value);
  assert.deepEqual(read.slice(units), [
    { ...head, seq: units + 1, type: 'daemon', phase: 'ready' },
    { ...head, seq: units + 3, type: 'lost', count: 2 },
  ]);
  client.abort();
  assert.equal((await lines.next()).done, true);
  assert.equal(control.openSubscriptions(), 0);
});

test('a POST that is handed over: 303 and where to look, or as a line; the rest is asked for there', async () => {
  const id = 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6';
  const { error } = refused(303, 'handed-over', 'Handed over', 'the daemon is being replaced');
  const control = fakeControl({
    operate: () => ({ ok: false, error, operation: id }),
    operation: (asked, progress) => {
      progress({ type: 'progress', unit: 'web', state: 'starting', reason: asked });
      return refused(410, 'unknown-operation', 'No such operation', asked);
    },
  });
  const answer = await askDocument(control, 'POST /v1/units/web/start');
  assert.deepEqual([answer.status, answer.value], [303, error]);
  assert.deepEqual(schemaComplaints('problem', error), []);
  const lines = await all(askLines(control, 'POST /v1/units/web/start', { accept: NDJSON }));
  assert.deepEqual(lines, [{ type: 'handed-over', operation: id }]);
  const rest = await all(askLines(control, `GET /v1/operations/${id}`, { accept: NDJSON }));
  assert.deepEqual(
    rest.map((line) => Object.values(line ?? {})[0]),
    ['progress', 'error'],
  );
  assert.equal((await askDocument(control, `GET /v1/operations/${id}`)).status, 410);
  assert.equal((await askDocument(control, `GET /v1/operations/${id}?x=1`)).status, 400);
});

test('POST /v1/reexec: no fields, no query; the refusal of the daemon passes through', async () => {
  const no = refused(409, 'reexec-refused', 'Cannot replace the daemon', 'it ended with code 1');
  const control = fakeControl();
  const field = await askDocument(control, 'POST /v1/reexec', { body: '{"now":true}' });
  assert.equal(field.status, 400);
  assert.match(JSON.stringify(field.value), /cannot read field \\"now\\": no such field, expected none"/);
  assert.equal((await askDocument(control, 'POST /v1/reexec?now=1')).status, 400);
  assert.deepEqual(control.calls, []);
  assert.deepEqual((await askDocument(control, 'POST /v1/reexec')).value, SAMPLE_REEXEC);
  control.script({ reexec: no });
  const answer = await askDocument(control, 'POST /v1/reexec');
  assert.deepEqual([answer.status, answer.value], [409, no.error]);
});
