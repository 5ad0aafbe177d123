/**
 * Lines of two texts side by side. What both have at the start and the end is taken off; lines that are there once in
 * both divide the rest (patience); what lies between is compared by Myers' O(ND) algorithm, up to a bound.
 */

export type Change = "same" | "gone" | "new";

export interface DiffLine {
  change: Change;
  text: string;
  /** Numbers of the line in both texts, from 1; null where it is not. */
  before: number | null;
  after: number | null;
}

/** Texts of more lines than this are cut. */
export const MOST_LINES = 20_000;
/** More edits than this in one stretch are shown as one text gone and another come. */
const MOST_EDITS = 600;

/** Steps through two lists: how many are the same, gone and new, in turn. */
type Step = [Change, number];

export interface Diff {
  lines: DiffLine[];
  gone: number;
  new: number;
  /** Whether texts were longer than is compared. */
  cut: boolean;
}

const split = (text: string): string[] => {
  const lines = text.split(/\r\n|\n|\r/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
};

/** What makes `after` of `before`. */
export function diffLines(before: string, after: string): Diff {
  const [all, every] = [split(before), split(after)];
  const [a, b] = [all.slice(0, MOST_LINES), every.slice(0, MOST_LINES)];
  const lines: DiffLine[] = [];
  const count = { gone: 0, new: 0 };
  let [i, j] = [0, 0];
  for (const [change, n] of stepsOf(a, b)) {
    if (change !== "same") count[change] += n;
    for (let k = 0; k < n; k++) {
      const text = (change === "new" ? b[j] : a[i]) as string;
      lines.push({ change, text, before: change === "new" ? null : i + 1, after: change === "gone" ? null : j + 1 });
      if (change !== "new") i += 1;
      if (change !== "gone") j += 1;
    }
  }
  return { lines, ...count, cut: all.length > a.length || every.length > b.length };
}

/** The steps from `a` to `b`. */
export function stepsOf(a: readonly string[], b: readonly string[]): Step[] {
  const steps: Step[] = [];
  walk(a, 0, a.length, b, 0, b.length, (change, n) => {
    const last = steps.at(-1);
    if (n === 0) return;
    if (last?.[0] === change) last[1] += n;
    else steps.push([change, n]);
  });
  return steps;
}

type Take = (change: Change, n: number) => void;

function walk(a: readonly string[], a0: number, a1: number, b: readonly string[], b0: number, b1: number, take: Take): void {
  let head = 0;
  while (a0 + head < a1 && b0 + head < b1 && a[a0 + head] === b[b0 + head]) head += 1;
  let tail = 0;
  while (a1 - tail > a0 + head && b1 - tail > b0 + head && a[a1 - tail - 1] === b[b1 - tail - 1]) tail += 1;
  take("same", head);
  const [x0, x1, y0, y1] = [a0 + head, a1 - tail, b0 + head, b1 - tail];
  if (x0 === x1 || y0 === y1) {
    take("gone", x1 - x0);
    take("new", y1 - y0);
  } else {
    const anchors = anchorsOf(a, x0, x1, b, y0, y1);
    if (anchors.length) {
      let [x, y] = [x0, y0];
      for (const [i, j] of anchors) {
        walk(a, x, i, b, y, j, take);
        take("same", 1);
        [x, y] = [i + 1, j + 1];
      }
      walk(a, x, x1, b, y, y1, take);
    } else shortest(a.slice(x0, x1), b.slice(y0, y1), take);
  }
  take("same", tail);
}

/** Pairs of places of lines that are there once in both stretches, in the longest order that both have. */
function anchorsOf(a: readonly string[], a0: number, a1: number, b: readonly string[], b0: number, b1: number): [number, number][] {
  const once = new Map<string, { i: number; j: number }>();
  for (let i = a0; i < a1; i++) once.set(a[i] as string, { i: once.has(a[i] as string) ? -1 : i, j: -2 });
  for (let j = b0; j < b1; j++) {
    const found = once.get(b[j] as string);
    if (found) found.j = found.j === -2 ? j : -1;
  }
  const pairs = [...once.values()].filter(({ i, j }) => i >= 0 && j >= 0).sort((x, y) => x.i - y.i);
  // The longest rising row of j: `ends[n]` is the pair with the lowest j that ends a row of n + 1.
  const ends: number[] = [];
  const before: number[] = [];
  pairs.forEach(({ j }, at) => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((pairs[ends[middle] as number] as { j: number }).j < j) low = middle + 1;
      else high = middle;
    }
    before[at] = low > 0 ? (ends[low - 1] as number) : -1;
    ends[low] = at;
  });
  const found: [number, number][] = [];
  for (let at = ends.at(-1) ?? -1; at >= 0; at = before[at] as number) {
    const pair = pairs[at] as { i: number; j: number };
    found.push([pair.i, pair.j]);
  }
  return found.reverse();
}

/** Myers' shortest edit; beyond the bound all of `a` goes and all of `b` comes. */
function shortest(a: readonly string[], b: readonly string[], take: Take): void {
  const most = Math.min(MOST_EDITS, a.length + b.length);
  const reach = new Int32Array(2 * most + 3);
  const trace: Int32Array[] = [];
  for (let d = 0; d <= most; d++) {
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reach[most + k] as number) < (reach[most + k + 2] as number));
      let x = down ? (reach[most + k + 2] as number) : (reach[most + k] as number) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      reach[most + k + 1] = x;
      if (x >= a.length && x - k >= b.length) return back(a.length, b.length, trace, take);
    }
    trace.push(reach.slice(most - d, most + d + 3));
  }
  take("gone", a.length);
  take("new", b.length);
}

/** Goes the way back that `trace` holds: of each number of edits, how far each diagonal reached. */
function back(x: number, y: number, trace: readonly Int32Array[], take: Take): void {
  const steps: Step[] = [];
  for (let d = trace.length; d > 0; d--) {
    const row = trace[d - 1] as Int32Array;
    // Diagonal k of the row before is at k + d.
    const at = (k: number): number => (k < -(d - 1) || k > d - 1 ? -1 : (row[k + d] as number));
    const k = x - y;
    const down = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const [px, py] = down ? [at(k + 1), at(k + 1) - (k + 1)] : [at(k - 1), at(k - 1) - (k - 1)];
    const run = Math.min(x - px - (down ? 0 : 1), y - py - (down ? 1 : 0));
    steps.push(["same", run], down ? ["new", 1] : ["gone", 1]);
    [x, y] = [px, py];
  }
  steps.push(["same", x]);
  for (const [change, n] of steps.reverse()) take(change, n);
}

/** A stretch of lines to show, or so many equal ones that are left out. */
export type Hunk = { lines: DiffLine[] } | { skipped: number; from: number };

/** The lines that changed with `around` equal ones on both sides. */
export function hunksOf(lines: readonly DiffLine[], around = 3): Hunk[] {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, at) => {
    if (line.change !== "same") near.fill(1, Math.max(0, at - around), Math.min(lines.length, at + around + 1));
  });
  const hunks: Hunk[] = [];
  for (let at = 0; at < lines.length; ) {
    let end = at;
    while (end < lines.length && near[end] === near[at]) end += 1;
    // Leaving out one line takes as much room as showing it.
    if (near[at] || end - at <= 1) hunks.push({ lines: lines.slice(at, end) });
    else hunks.push({ skipped: end - at, from: at });
    at = end;
  }
  return hunks;
}
