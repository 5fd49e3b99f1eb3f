import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LoadQueue } from '../../src/daemon/load-queue.ts';

interface Loads {
  readonly queue: LoadQueue<string>;
  /** In the order in which they began. */
  readonly begun: string[];
  ask(what: string, name: string): Promise<string>;
  /** Ends the one that is under way. */
  end(error?: Error): Promise<void>;
}

function createLoads(): Loads {
  const queue = new LoadQueue<string>();
  const begun: string[] = [];
  let over = (_error?: Error): void => assert.fail('nothing is under way');
  return {
    queue,
    begun,
    ask: async (what, name) =>
      await queue.take(what, async () => {
        begun.push(name);
        return await new Promise((resolve, reject) => {
          over = (error) => (error === undefined ? resolve(name) : reject(error));
        });
      }),
    end: async (error) => {
      over(error);
      await nextTurn();
    },
  };
}

test('LoadQueue: each begins when the one before is over, also when that has failed', async () => {
  const { ask, begun, end } = createLoads();
  const [first, second] = [ask('all', 'first'), ask('some', 'second')];
  await nextTurn();
  assert.deepEqual(begun, ['first']);
  const refused = assert.rejects(first, /^Error: broken$/);
  await end(new Error('broken'));
  await refused;
  assert.deepEqual(begun, ['first', 'second']);
  await end();
  assert.equal(await second, 'second');
});

test('LoadQueue: of those that have not begun, all that ask for the same are one', async () => {
  const { ask, begun, end } = createLoads();
  const first = ask('all', 'first');
  await nextTurn();
  const later = [ask('all', 'second'), ask('some', 'third'), ask('all', 'fourth')];
  for (let count = 0; count < 3; count += 1) await end();
  assert.equal(await first, 'first');
  assert.deepEqual(await Promise.all(later), ['second', 'third', 'second']);
  assert.deepEqual(begun, ['first', 'second', 'third']);
});

test('LoadQueue idle(): waits for what is asked for meanwhile too', async () => {
  const { queue, ask, end } = createLoads();
  await queue.idle();
  void ask('all', 'first');
  let isIdle = false;
  const idle = queue.idle().then(() => (isIdle = true));
  void ask('some', 'second');
  await nextTurn();
  await end();
  assert.equal(isIdle, false);
  await end();
  await idle;
});
