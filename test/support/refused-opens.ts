// Opens of this very process that fail, as where descriptors, memory or rights are wanting.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { TestContext } from 'node:test';
import { cleanUp } from './cleanup.ts';

export interface RefusedOpens {
  /** Opens work again. */
  mend(): void;
}

/** Opens and listings of a path of this form fail with `code`, the first `times` of them. */
export function refuseOpens(t: TestContext, form: RegExp, code: string, times = Infinity): RefusedOpens {
  let left = times;
  const refuse = (path: fs.PathOrFileDescriptor): void => {
    if (typeof path !== 'string' || !form.test(path) || left-- <= 0) return;
    throw Object.assign(new Error(`${code}: refused, open '${path}'`), { code });
  };
  const { openSync, readFileSync, readdirSync } = fs;
  const opening = t.mock.method(fs, 'openSync', (...args: Parameters<typeof openSync>) => {
    refuse(String(args[0]));
    return openSync(...args);
  });
  const reading = t.mock.method(fs, 'readFileSync', (...args: Parameters<typeof readFileSync>) => {
    refuse(args[0]);
    return readFileSync(...args);
  });
  const listing = t.mock.method(fs, 'readdirSync', (...args: Parameters<typeof readdirSync>) => {
    refuse(String(args[0]));
    return readdirSync(...args);
  });
  syncBuiltinESMExports();
  const mend = (): void => {
    opening.mock.restore();
    reading.mock.restore();
    listing.mock.restore();
    syncBuiltinESMExports();
  };
  cleanUp(t, mend);
  return { mend };
}
