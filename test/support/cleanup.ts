// What a test must undo, last thing first, all of it even when one undoing fails: node's own `t.after` hooks run in
// the order of registration, and the first that throws keeps the others from running.
import type { TestContext } from 'node:test';

type Undo = () => void | Promise<void>;
const pending = new WeakMap<TestContext, Undo[]>();

export function cleanUp(t: TestContext, undo: Undo): void {
  const known = pending.get(t);
  if (known !== undefined) known.push(undo);
  else {
    const all = [undo];
    pending.set(t, all);
    t.after(async () => await undoAll(all));
  }
}

async function undoAll(all: Undo[]): Promise<void> {
  const failures: unknown[] = [];
  for (let undo = all.pop(); undo !== undefined; undo = all.pop()) {
    try {
      await undo();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('\n'));
}
