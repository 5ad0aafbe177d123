/** Names of metrics: which one is looked at first, which belong together, which a reader searches for. */

import { byName } from "./order";

/** The metric a reader most likely wants first: a loss, else a score, else what most runs have. */
export function likeliestMetric(coverage: ReadonlyMap<string, number>): string | undefined {
  const liking = (key: string): number => (/loss/i.test(key) ? 2 : /acc|f1|auc|score|rmse|mae|r2/i.test(key) ? 1 : 0);
  return [...coverage].sort(([a, n], [b, m]) => liking(b) - liking(a) || m - n || byName(a, b))[0]?.[0];
}

/** Metric keys by the part before the last slash, by name; keys without one come first under "", the machine's last. */
export function groupByPrefix(keys: readonly string[]): { prefix: string; keys: string[] }[] {
  const groups = new Map<string, string[]>();
  for (const key of keys) {
    const prefix = key.includes("/") ? key.slice(0, key.lastIndexOf("/")) : "";
    const group = groups.get(prefix);
    if (group) group.push(key);
    else groups.set(prefix, [key]);
  }
  const rank = (prefix: string): number => (prefix === "" ? 0 : isSystem(`${prefix}/`) ? 2 : 1);
  return [...groups].sort(([a], [b]) => rank(a) - rank(b) || byName(a, b)).map(([prefix, members]) => ({ prefix, keys: members }));
}

/** What the machine did, not the model. */
export const isSystem = (key: string): boolean => key.startsWith("system/");

/** Whether a name is searched for: by a regular expression where the text is one, else as it stands; never by case. */
export function finder(text: string): (name: string) => boolean {
  const wanted = text.trim();
  if (!wanted) return () => true;
  try {
    const pattern = new RegExp(wanted, "i");
    return (name) => pattern.test(name);
  } catch {
    const small = wanted.toLowerCase();
    return (name) => name.toLowerCase().includes(small);
  }
}
