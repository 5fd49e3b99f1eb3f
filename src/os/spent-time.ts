// The processor time that a tree has spent between two looks at its processes. Pure; who is looked at, and how, is
// meter.ts's to say.
//
// A process that has ended takes its time along: the kernel adds it to what its parent's children have used, once the
// parent has waited for it. So both are counted, and what was counted of it while it lived is taken off what its parent
// gets. A zombie is not gone: nobody has its time yet. What a parent in the tree does not get is lost: of orphans, whom
// a reaper outside has, and of children that nobody waits for (SIGCHLD ignored).
//
// Parents have to be looked at before their children: else one that ends meanwhile is counted twice.

export interface ProcessTime {
  readonly pid: number;
  readonly parentPid: number;
  readonly ownMs: number;
  /** Of children that it has waited for, and theirs. */
  readonly reapedMs: number;
  /**
   * Of that, what was counted already, and has not come yet: the child went between the look at it and that at its
   * parent. It comes at the next look, or never.
   */
  readonly owedMs: number;
}

/** By process. */
type Times = ReadonlyMap<string, ProcessTime>;

/** `times`: those of now, with what is still owed. */
export function spentBetween<Time extends ProcessTime>(
  before: Times,
  now: ReadonlyMap<string, Time>,
): { readonly spentMs: number; readonly times: ReadonlyMap<string, Time> } {
  const owed = owedTo(before, now);
  let spentMs = 0;
  const times = new Map<string, Time>();
  for (const [key, time] of now) {
    const last = before.get(key);
    const newlyOwedMs = owed.get(key) ?? 0;
    const owedMs = newlyOwedMs + (last?.owedMs ?? 0);
    const reapedMs = time.reapedMs - (last?.reapedMs ?? 0);
    spentMs += time.ownMs - (last?.ownMs ?? 0) + Math.max(0, reapedMs - owedMs);
    times.set(key, { ...time, owedMs: Math.min(newlyOwedMs, Math.max(0, owedMs - reapedMs)) });
  }
  return { spentMs: Math.max(0, spentMs), times };
}

/** What was counted of those that have gone, for the nearest of their ancestors that has not. */
function owedTo(before: Times, now: Times): ReadonlyMap<string, number> {
  const owed = new Map<string, number>();
  const gone = [...before].filter(([key]) => !now.has(key));
  if (gone.length === 0) return owed;
  const keys = new Map([...before].map(([key, { pid }]) => [pid, key]));
  const heirOf = (time: ProcessTime): string | undefined => {
    let key = keys.get(time.parentPid);
    // No tree is deeper than it is large; pids that were used again meanwhile may look like a circle.
    for (let left = before.size; left > 0 && key !== undefined && !now.has(key); left -= 1) {
      const parent = before.get(key);
      key = parent && keys.get(parent.parentPid);
    }
    return key;
  };
  for (const [, time] of gone) {
    const heir = heirOf(time);
    if (heir === undefined) continue;
    owed.set(heir, (owed.get(heir) ?? 0) + time.ownMs + time.reapedMs + time.owedMs);
  }
  return owed;
}
