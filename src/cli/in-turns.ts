// Many requests to the daemon, some at a time.

/** Well below what the daemon accepts in connections, and enough to keep it busy. */
const AT_ONCE = 64;

/** What `ask` resolves with for each item, in their order. */
export async function inTurns<Item, Result>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  // Shared: whoever is free takes the next.
  const queue = items.entries();
  const work = async (): Promise<void> => {
    for (const [at, item] of queue) results[at] = await ask(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, work));
  return results;
}
