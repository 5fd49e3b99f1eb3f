// The signals to a tree, with members and signals as values.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { keyOf } from '../../../src/model/process.ts';
import type { ProcessTree } from '../../../src/model/process.ts';
import type { Member, SignalResult } from '../../../src/os/ports.ts';
import { createTreeSignals, type TreeSignals } from '../../../src/os/tree-signals.ts';

const TREE: ProcessTree = { invocationId: 'a', leaders: [{ pid: 1, startTicks: 1 }] };

function member(pid: number): Member {
  return { pid, startTicks: 1, parentPid: 0, cpuTicks: 0, reapedTicks: 0, residentPages: 0, threads: 1 };
}

interface Rig {
  readonly signals: TreeSignals;
  /** `pid:signal`, in order. */
  readonly sent: string[];
  looks: number;
  refreshes: number;
}

/** `membersAt`: who is there at which look, from 1; `answer`: what comes of a signal to that pid. */
function rig(
  membersAt: (look: number) => readonly number[],
  answer: (pid: number) => SignalResult = () => 'sent',
): Rig {
  const sent: string[] = [];
  const made: Rig = {
    signals: createTreeSignals(
      () => membersAt(++made.looks).map(member),
      ({ pid }, name) => {
        sent.push(`${pid}:${name}`);
        return answer(pid);
      },
      () => made.refreshes++,
    ),
    sent,
    looks: 0,
    refreshes: 0,
  };
  return made;
}

test('send(): each member once, round after round until a look finds nobody new, and once more a turn later', async () => {
  const made = rig((look) => (look === 1 ? [1] : [1, 2]));
  assert.equal(made.signals.send(TREE, 'SIGKILL'), 2);
  assert.deepEqual(made.sent, ['1:SIGKILL', '2:SIGKILL']);
  assert.equal(made.looks, 3);
  await nextTurn();
  assert.deepEqual([made.looks, made.refreshes], [4, 1]);
  await nextTurn();
  assert.equal(made.looks, 4);
});

test('send(): whom a later look finds has the signal too', async () => {
  const made = rig((look) => (look < 3 ? [1] : [1, 2]));
  made.signals.send(TREE, 'SIGKILL');
  assert.deepEqual(made.sent, ['1:SIGKILL']);
  await nextTurn();
  assert.deepEqual(made.sent, ['1:SIGKILL', '2:SIGKILL']);
});

for (const [name, sent] of [
  ['SIGTERM', ['1:SIGTERM', '1:SIGCONT']],
  ['SIGSTOP', ['1:SIGSTOP']],
] as const) {
  test(`send(): ${name} is ${sent.join(', ')}`, () => {
    const made = rig(() => [1]);
    made.signals.send(TREE, name);
    assert.deepEqual(made.sent, sent);
    made.signals.close();
  });
}

test('send(): who was reached before is left out, who is denied is told; whose signal nobody could tell of is not reached', () => {
  const made = rig(
    (look) => (look === 1 ? [1, 2, 3, 4] : []),
    (pid) => (['sent', 'sent', 'denied', 'unknown'] as const)[pid - 1] ?? 'gone',
  );
  const reached = new Set([keyOf(member(1))]);
  const denied: number[] = [];
  assert.equal(
    made.signals.send(TREE, 'SIGKILL', reached, ({ pid }) => denied.push(pid)),
    1,
  );
  assert.deepEqual([...reached], [1, 2, 3].map(member).map(keyOf));
  assert.deepEqual(denied, [3]);
  made.signals.close();
});

test('send(): a tree that grows faster than it is signalled is left after so many looks', async () => {
  const made = rig((look) => [look]);
  assert.equal(made.signals.send(TREE, 'SIGKILL'), 32);
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.equal(made.looks, 32 * 9);
});

test('callOff() and close(): nobody is looked for any more, but for other trees', async () => {
  const made = rig((look) => [look]);
  made.signals.send(TREE, 'SIGKILL');
  made.signals.callOff(({ invocationId }) => invocationId === 'b');
  await nextTurn();
  assert.equal(made.looks, 64);
  made.signals.callOff(({ invocationId }) => invocationId === 'a');
  await nextTurn();
  assert.equal(made.looks, 64);
  made.signals.send(TREE, 'SIGKILL');
  made.signals.close();
  await nextTurn();
  assert.equal(made.looks, 96);
});
