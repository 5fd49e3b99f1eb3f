// Starts of one unit in quick succession, and how many there may be. Pure.
//
// Every way in which a run leads to another has its pause: a restart (restart.ts), and a start by the end of another unit
// that comes back to one lately at rest. But units can also drive each other round by stops: one that conflicts with
// another goes down for it, is pulled in again by a third that it has brought up, and wins by that. No end of its own,
// and no rest, is in it to be counted. So what is counted is the starts themselves, whatever they come from.
//
// A start that follows a pause, or a restart at once, has been dealt with, and is none of a streak. Any other is; one
// within STREAK_MS of the first is of the same streak, unless there was an operator's word or a reload in between: what
// these lead to is asked for, in whichever unit. The streak goes on after its pauses, and counts from the last of them.
// When it has MOST_STARTS, the next start is a restart: it takes its pause, and counts towards `limit`.

/** As systemd's StartLimitBurst and StartLimitInterval, by default. */
export const MOST_STARTS = 5;
export const STREAK_MS = 10_000;

export interface Streak {
  /** How many words there had been when it began (Fleet.words). */
  readonly words: number;
  /** When it began, or its last pause ended: monotonic milliseconds. */
  readonly sinceMs: number;
  readonly starts: number;
}

/** With one more start; null: that would be too many. */
export function lengthened(
  streak: Streak | undefined,
  { words, nowMs }: { readonly words: number; readonly nowMs: number },
): Streak | null {
  if (streak === undefined || streak.words !== words || nowMs - streak.sinceMs >= STREAK_MS)
    return { words, sinceMs: nowMs, starts: 1 };
  return streak.starts < MOST_STARTS ? { ...streak, starts: streak.starts + 1 } : null;
}

/** The next start is a restart that has had its pause. */
export function spared(streak: Streak | undefined, nowMs: number): Streak | undefined {
  return streak && { ...streak, sinceMs: nowMs, starts: streak.starts - 1 };
}
