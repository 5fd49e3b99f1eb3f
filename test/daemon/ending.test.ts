import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ending } from '../../src/daemon/ending.ts';

test('Ending: the first wish counts; what comes during a replacement is left to the next version', async () => {
  const stopped = new Ending();
  stopped.end(3);
  stopped.end(0);
  stopped.replace('2');
  assert.deepEqual(await stopped.ended, { kind: 'end', code: 3 });
  const replaced = new Ending();
  assert.equal(replaced.first, null);
  replaced.replace('2');
  assert.deepEqual(replaced.wishes, { end: null, reload: false, hurry: false });
  replaced.reloadLater();
  replaced.end(4);
  replaced.end(5);
  replaced.hurry();
  assert.deepEqual(await replaced.ended, { kind: 'replace', version: '2' });
  assert.deepEqual(replaced.wishes, { end: 4, reload: true, hurry: true });
});
