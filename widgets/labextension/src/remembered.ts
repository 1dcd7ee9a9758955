/** Answers kept by key while they are good: what failed is asked anew. */
export function remembered<T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const asked = known.get(key) ?? ask();
  known.set(key, asked);
  asked.catch(() => known.get(key) === asked && known.delete(key));
  return asked;
}
