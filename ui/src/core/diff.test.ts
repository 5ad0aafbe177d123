import { describe, expect, test } from "vitest";
import { diffLines, hunksOf, MOST_LINES, stepsOf, type DiffLine } from "./diff";

const before = (lines: DiffLine[]): string[] => lines.filter((line) => line.change !== "new").map((line) => line.text);
const after = (lines: DiffLine[]): string[] => lines.filter((line) => line.change !== "gone").map((line) => line.text);

function edits(a: string[], b: string[]): number {
  return stepsOf(a, b).reduce((sum, [change, n]) => sum + (change === "same" ? 0 : n), 0);
}

/** Length of the longest common subsequence, the slow way. */
function common(a: string[], b: string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const x of a) {
    const next = [0];
    b.forEach((y, j) => next.push(x === y ? (row[j] as number) + 1 : Math.max(row[j + 1] as number, next[j] as number)));
    row = next;
  }
  return row[b.length] as number;
}

let seed = 7;
const random = (n: number): number => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return (seed >>> 8) % n;
};

describe("diffLines", () => {
  test("says what went and what came, with numbers of lines", () => {
    const found = diffLines("a\nb\nc\n", "a\nc\nd\n");
    expect(found.lines).toEqual([
      { change: "same", text: "a", before: 1, after: 1 },
      { change: "gone", text: "b", before: 2, after: null },
      { change: "same", text: "c", before: 3, after: 2 },
      { change: "new", text: "d", before: null, after: 3 },
    ]);
    expect([found.gone, found.new, found.cut]).toEqual([1, 1, false]);
  });

  test("both texts can be had back, whatever they are", () => {
    for (let round = 0; round < 400; round++) {
      const make = (): string[] => Array.from({ length: random(24) }, () => "가나다라마"[random(5)] as string);
      const [a, b] = [make(), make()];
      const { lines } = diffLines(a.join("\n"), b.join("\n"));
      expect(before(lines)).toEqual(a);
      expect(after(lines)).toEqual(b);
    }
  });

  test("without lines that are there once in both, no shorter way is found than Myers'", () => {
    for (let round = 0; round < 300; round++) {
      // Each line twice at least, so that no anchor divides them.
      const make = (): string[] => { const some = Array.from({ length: 1 + random(9) }, () => "xyz"[random(3)] as string); return [...some, ...some]; };
      const [a, b] = [make(), make()];
      const unique = [...new Set(a)].some((line) => a.filter((each) => each === line).length === 1 && b.filter((each) => each === line).length === 1);
      if (!unique) expect(edits(a, b)).toBe(a.length + b.length - 2 * common(a, b));
    }
  });

  test("empty texts, one line, other ends of lines", () => {
    expect(diffLines("", "").lines).toEqual([]);
    expect(diffLines("", "x").lines.map((line) => line.change)).toEqual(["new"]);
    expect(diffLines("x", "").lines.map((line) => line.change)).toEqual(["gone"]);
    expect(diffLines("a\r\nb\r\n", "a\nb\n").lines.every((line) => line.change === "same")).toBe(true);
  });

  test("texts that have nothing in common, and long ones, are bounded", () => {
    const many = (prefix: string, n: number): string => Array.from({ length: n }, (_, i) => `${prefix}${i % 3}`).join("\n");
    const found = diffLines(many("a", 5000), many("b", 5000));
    expect([found.gone, found.new]).toEqual([5000, 5000]);
    const long = diffLines(many("a", MOST_LINES + 5), many("a", MOST_LINES + 5));
    expect([long.cut, long.lines.length, long.gone]).toEqual([true, MOST_LINES, 0]);
  });

  test("one line moved in a long text is two edits", () => {
    const a = Array.from({ length: 5000 }, (_, i) => `line ${i}`);
    const b = [...a.slice(1, 2500), a[0] as string, ...a.slice(2500)];
    expect(edits(a, b)).toBe(2);
  });
});

test("equal lines far from changes are left out, and counted", () => {
  const a = Array.from({ length: 30 }, (_, i) => `${i}`);
  const b = a.map((line, i) => (i === 10 ? "x" : line));
  const hunks = hunksOf(diffLines(a.join("\n"), b.join("\n")).lines);
  expect(hunks.map((hunk) => ("lines" in hunk ? hunk.lines.length : -hunk.skipped))).toEqual([-7, 8, -16]);
  expect(hunksOf(diffLines("same", "same").lines)).toHaveLength(1);
});
