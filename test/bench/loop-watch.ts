// Preloaded into a daemon (NODE_OPTIONS): writes down each time that its event loop stood still, as
// "END-MS STALL-MS" lines on the monotonic clock. A timer of a millisecond that comes late is all that it knows.
import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const LEAST_MS = 2;
const path = process.env['UNITD_BENCH_LOOP'];

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

if (path !== undefined && isMainThread) {
  let lastMs = monotonicMs();
  setInterval(() => {
    const nowMs = monotonicMs();
    const stallMs = nowMs - lastMs - 1;
    if (stallMs >= LEAST_MS) appendFileSync(path, `${nowMs} ${stallMs}\n`);
    // The writing is not the daemon's.
    lastMs = monotonicMs();
  }, 1).unref();
}
