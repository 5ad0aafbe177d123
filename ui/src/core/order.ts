/** Names in the order that people expect: `m2` before `m10`, whatever the case. */

const collator = new Intl.Collator(undefined, { numeric: true });

export function byName(a: string, b: string): number {
  return collator.compare(a, b);
}
