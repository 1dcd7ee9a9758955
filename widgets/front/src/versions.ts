// Which widgets these scripts can show.

/** Are these two of one make? All up to the first number that is not 0 must be the same, and ours at least as new. */
export const fits = (asked: string, ours: string): boolean => {
  const numbers = (text: string) => text.replace(/^[~^]/, "").replace(/\*/g, "0").split(".").map(Number);
  const [a, b] = [numbers(asked), numbers(ours)];
  if (a.some(Number.isNaN)) return false;
  const first = b.findIndex((one) => one > 0);
  for (let n = 0; n <= first; n++) if ((a[n] ?? 0) !== b[n]) return false;
  for (let n = first + 1; n < b.length; n++) if ((a[n] ?? 0) !== b[n]) return (a[n] ?? 0) < b[n];
  return true;
};
