// A directory of a measure's own, the mark that everything started for it carries, and the channel on which children
// say when they started. All of it ends with the scope: processes first.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mark } from '../support/processes.ts';
import { killMarked } from '../support/processes.ts';
import type { Scope } from './scope.ts';
import type { StampChild } from './stamps.ts';
import { makeStampChild, StampChannel } from './stamps.ts';

export interface Place {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly mark: Mark;
  readonly channel: StampChannel;
  readonly child: StampChild;
}

export function makePlace(scope: Scope): Place {
  const root = mkdtempSync(join(tmpdir(), 'unitd-bench-'));
  scope.defer(() => rmSync(root, { recursive: true, force: true }));
  const id = randomUUID();
  const mark = { environment: `UNITD_BENCH=${id}`, directory: root };
  scope.defer(() => void killMarked(mark));
  const channel = new StampChannel(scope, root);
  return { root, env: { ...process.env, UNITD_BENCH: id }, mark, channel, child: makeStampChild(root) };
}
