import { describe, expect, test } from "vitest";
import { alignLines, groupByPrefix, likeliestMetric, lineFacts, toLine } from "./chart_lines";
import { assignColors, contrast, PALETTE } from "./color";
import { byName } from "./order";
import type { Series } from "./wire";

const series = (part: Partial<Series>): Series => ({ run_id: "r", key: "loss", step: [0, 1, 2], time: [1000, 2000, 4000], value: [3, 2, 1], ...part });

describe("lines", () => {
  test("x is the step, seconds since the start, or the clock", () => {
    expect(toLine(series({}), "step", false, null).x).toEqual([0, 1, 2]);
    expect(toLine(series({}), "elapsed", false, null).x).toEqual([0, 1, 3]);
    expect(toLine(series({}), "elapsed", false, 500).x).toEqual([0.5, 1.5, 3.5]);
    expect(toLine(series({}), "wall", false, null).x).toEqual([1, 2, 4]);
  });

  test("what cannot be drawn is a gap and is counted", () => {
    const line = toLine(series({ step: [0, 1, 2, 3, 4], time: [1, 2, 3, 4, 5], value: [1, "NaN", "Infinity", "-Infinity", -2] }), "step", true, null);
    expect(line.y).toEqual([1, null, null, null, null]);
    expect(line.gaps).toEqual({ nan: 1, infinite: 2, notPositive: 1 });
  });

  test("points out of order are put in order, ties stay as written", () => {
    const line = toLine(series({ step: [2, 0, 0], value: [1, 2, 3] }), "step", false, null);
    expect([line.x, line.y]).toEqual([[0, 0, 2], [2, 3, 1]]);
  });

  test("facts leave gaps out", () => {
    const line = toLine(series({ value: ["NaN", 5, 2] }), "step", false, null);
    expect(lineFacts(line)).toEqual({ points: 2, first: 5, last: 2, lowest: 2, highest: 5 });
    expect(lineFacts(toLine(series({ value: ["NaN", "NaN", "NaN"] }), "step", false, null)).last).toBeNull();
  });
});

describe("lines on one x", () => {
  const line = (x: number[], y: (number | null)[]) => ({ id: "r", x, y, gaps: { nan: 0, infinite: 0, notPositive: 0 } });

  test("a missing point is no gap, a gap stays one", () => {
    expect(alignLines([line([0, 2], [1, null]), line([1, 2], [5, 6])])).toEqual({ x: [0, 1, 2], y: [[1, undefined, null], [undefined, 5, 6]] });
  });

  test("a step logged twice keeps both points", () => {
    expect(alignLines([line([0, 0, 1], [1, 2, 3]), line([0, 1], [7, 8])])).toEqual({ x: [0, 0, 1], y: [[1, 2, 3], [7, undefined, 8]] });
  });

  test("nothing gives nothing", () => expect(alignLines([])).toEqual({ x: [], y: [] }));
});

test("metrics are grouped by what stands before the last slash", () => {
  expect(groupByPrefix(["val/acc", "loss", "val/loss", "a/b/c"])).toEqual([
    { prefix: "val", keys: ["val/acc", "val/loss"] },
    { prefix: "", keys: ["loss"] },
    { prefix: "a/b", keys: ["a/b/c"] },
  ]);
});

test("names are ordered by the numbers in them", () => {
  expect(["m10", "m2", "M1", "가", "a"].sort(byName).slice(0, 4)).toEqual(["a", "M1", "m2", "m10"]);
});

test("a loss is charted first, else a score, else what most runs have", () => {
  expect(likeliestMetric(new Map([["epoch", 9], ["val/acc", 3], ["train/loss", 2]]))).toBe("train/loss");
  expect(likeliestMetric(new Map([["epoch", 9], ["val/acc", 3]]))).toBe("val/acc");
  expect(likeliestMetric(new Map([["a", 1], ["b", 2]]))).toBe("b");
  expect(likeliestMetric(new Map())).toBeUndefined();
});

describe("run colours", () => {
  const ids = Array.from({ length: 10 }, (_, i) => `run-${i}`);

  test("ten runs have ten colours, whatever their order", () => {
    const colors = assignColors(ids, "light");
    expect(new Set(colors.values()).size).toBe(10);
    expect(assignColors([...ids].reverse(), "light")).toEqual(colors);
  });

  test("more runs than colours still get one each", () => {
    expect(assignColors(Array.from({ length: 50 }, (_, i) => String(i)), "dark").size).toBe(50);
  });

  test.each([["light", "#ffffff"], ["light", "#f7f8fa"], ["dark", "#1b1e24"], ["dark", "#14161a"]] as const)("%s colours stand out from %s", (theme, page) => {
    for (const color of PALETTE[theme]) expect(contrast(color, page), color).toBeGreaterThanOrEqual(3);
  });
});
