// What a journal is told of one unit, in tests of the journal and of its lines.
import { NEW_STATE } from '../../src/core/machine-state.ts';
import type { UnitRecord } from '../../src/daemon/journal-lines.ts';
import type { GoodFile } from '../../src/daemon/store.ts';

export const LEADER = { pid: 412, startTicks: 99 };
export const FILE: GoodFile = { name: 'web', file: '/units/web.yaml', text: 'command: /bin/web # ü\n' };

export function record(change: Partial<UnitRecord> = {}): UnitRecord {
  return {
    state: NEW_STATE,
    sinceWall: null,
    intent: null,
    activation: null,
    cycle: null,
    removed: false,
    tree: { invocationId: 'abc', leaders: [LEADER] },
    ...change,
  };
}
