/**
 * Runs `task` for every item, at most `limit` at the same time, and waits for all. Throws the first failure after the
 * running tasks have ended; items that were not begun by then stay undone.
 */
export async function forEach<T>(
  items: Iterable<T>,
  limit: number,
  task: (item: T) => Promise<unknown>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failure: { error: unknown } | undefined;
  const worker = async () => {
    for (;;) {
      const next = failure ? undefined : iterator.next();
      if (!next || next.done) return;
      try {
        await task(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failure) throw failure.error;
}
