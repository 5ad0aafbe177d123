/** Short lists that a browser remembers: starred experiments, folders that are closed, runs that were looked at. */

/** The texts of a remembered list; what cannot be read is an empty one. */
export function parseList(text: string | null): string[] {
  try {
    const found: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(found) ? found.filter((each) => typeof each === "string") : [];
  } catch {
    return [];
  }
}

/** The list without `item` if it has it, else with it at its end; at most `most`, the oldest go first. */
export function toggled(list: readonly string[], item: string, most: number): string[] {
  return list.includes(item) ? list.filter((each) => each !== item) : [...list, item].slice(-most);
}

/** The list with `item` in front, once. */
export function inFront<T>(list: readonly T[], item: T, same: (a: T, b: T) => boolean, most: number): T[] {
  return [item, ...list.filter((each) => !same(each, item))].slice(0, most);
}
