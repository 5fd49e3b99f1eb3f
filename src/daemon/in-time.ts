// Waits for work no longer than until a time on the daemon's clock. Ends nothing: what is late goes on unwatched.
import type { Clock, Timer } from '../os/ports.ts';

/** null once it is past `deadlineMs` of the monotonic clock, whatever comes of `work`; deadline null: never. */
export async function inTime<T>(
  work: Promise<T>,
  deadlineMs: number | null,
  clock: Clock,
): Promise<T | null> {
  if (deadlineMs === null) return await work;
  let timer: Timer | null = null;
  const over = new Promise<null>((resolve) => {
    timer = clock.arm(deadlineMs, () => resolve(null));
  });
  return await Promise.race([work, over]).finally(() => timer?.close());
}
