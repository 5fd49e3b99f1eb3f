// A stream that outlives the daemon: when it is cut off it is opened again, quietly, until the caller has enough.
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT } from './exit-code.ts';
import type { Reply } from './failure.ts';

const FIRST_DELAY_MS = 100;
const MOST_DELAY_MS = 2000;

/** What a stream did; `opened` is false if nothing ever came of it. */
export type StreamEnd = Reply<{ readonly complete: boolean }>;

export interface Reopening {
  /** Whether anything new came of the last attempt: after one that gave nothing the next one waits longer. */
  readonly cameNew?: () => boolean;
  readonly pause?: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

/** Opens the stream again and again until `signal`. The first attempt must succeed; later only a refusal ends it. */
export async function keepStreaming(
  open: () => Promise<StreamEnd>,
  signal: AbortSignal,
  { cameNew = () => true, pause = paused }: Reopening = {},
): Promise<StreamEnd> {
  const first = await open();
  if (!first.ok) return first;
  let delayMs = FIRST_DELAY_MS;
  while (!signal.aborted) {
    await pause(delayMs, signal);
    if (signal.aborted) break;
    const next = await open();
    if (!next.ok && next.failure.exitCode !== EXIT.unreachable) return next;
    delayMs = next.ok && cameNew() ? FIRST_DELAY_MS : Math.min(MOST_DELAY_MS, delayMs * 2);
  }
  return { ok: true, value: { complete: true } };
}

async function paused(delayMs: number, signal: AbortSignal): Promise<void> {
  await delay(delayMs, undefined, { signal }).catch(() => {});
}
