import { describe, expect, test } from "vitest";
import { quantile } from "./bands";
import { pearson, ratio, weigh } from "./importance";
import type { ChartRun } from "./lines";
import { asKind, binsOf, boxOf, causesOf, firstOf, formatMade, parseMade, ramp, surfaceOf, valuesOf, type Made } from "./made";
import { mediaSets, mediumAt, readMedium } from "./media";

const runs = (n: number): ChartRun[] => Array.from({ length: n }, (_, i) => ({ id: `r${i}`, name: `run ${i}`, color: "#123456", group: i % 2 ? "odd" : "even", live: false }));

describe("charts of runs", () => {
  test.each<Made>([
    { kind: "scatter", x: "p:lr", y: "m:val/acc", z: "", columns: [] },
    { kind: "parallel", x: "", y: "", z: "", columns: ["p:a~b", "m:100%", "t:한 글", "duration"] },
  ])("survive the address: $kind", (made) => expect(parseMade(formatMade(made))).toEqual(made));

  test("what is none is none", () => {
    expect([parseMade(""), parseMade("pie~m:a"), parseMade("bar~%E0%A4%A")]).toEqual([null, null, null]);
    expect(parseMade("bar~~nonsense~")).toEqual({ kind: "bar", x: "", y: "", z: "", columns: [] });
  });

  test("another kind begins with what it needs, and no metric is its own cause", () => {
    const columns = ["p:lr", "m:acc", "p:opt", "m:loss"];
    const first = firstOf(columns);
    expect(first).toEqual({ kind: "scatter", x: "p:lr", y: "m:acc", z: "", columns: ["p:lr", "p:opt", "m:acc"] });
    expect(causesOf(asKind(first, "importance", columns))).toEqual(["p:lr", "p:opt"]);
    expect(causesOf(asKind({ ...first, columns: ["m:loss"] }, "importance", columns))).toEqual(["p:lr", "p:opt"]);
    expect(causesOf({ ...first, kind: "importance", y: "p:lr" })).toEqual(["p:opt"]);
    expect(asKind(first, "contour", columns)).toMatchObject({ x: "p:lr", y: "p:opt", z: "m:acc" });
    expect(asKind({ ...first, y: "p:opt" }, "contour", columns)).toMatchObject({ x: "p:lr", y: "p:opt", z: "m:acc" });
    expect(asKind({ ...first, columns: [] }, "parallel", columns).columns).toEqual(first.columns);
    expect(asKind(firstOf([]), "bar", columns)).toMatchObject({ kind: "bar", y: "m:acc" });
  });

  test("columns are numbers when all that is there are, else texts in order", () => {
    const of = (at: (string | null)[]): ReturnType<typeof valuesOf> => {
      const all = at.map(() => "");
      const table = { total: 3, run_id: ["r0", "r1", "r2"], experiment_id: all, run_name: all, status: all, lifecycle_stage: all, user_id: all, start_time: [1, 2, 3], end_time: [1001, null, 3], artifact_uri: all, metrics: {}, params: { p: at }, tags: {} };
      return valuesOf("p:p", table, runs(3));
    };
    expect([of(["0.5", null, "2"]).at, of(["0.5", null, "2"]).texts]).toEqual([[0.5, null, 2], null]);
    expect([of(["b", "a", ""]).at, of(["b", "a", ""]).texts]).toEqual([[2, 1, 0], ["", "a", "b"]]);
    expect(of(["nan", "1", "2"]).texts).toEqual(["1", "2", "nan"]);
  });

  test("boxes and bins count every run", () => {
    expect(boxOf("a", [1, 2, 3, 4, 100], quantile)).toEqual({ name: "a", count: 5, low: 1, first: 2, middle: 3, third: 4, high: 4, outside: [100] });
    expect(binsOf([1, 1, 2, 5]).reduce((sum, bin) => sum + bin.count, 0)).toBe(4);
    expect(binsOf([3, 3])).toEqual([{ from: 3, to: 3, count: 2 }]);
    expect(binsOf([])).toEqual([]);
  });

  test("a surface goes through its points", () => {
    const grid = surfaceOf([{ x: 0, y: 0, z: 1 }, { x: 1, y: 1, z: 5 }], 3);
    expect([grid[0], grid[8], grid[4]].map((value) => Math.round(value ?? 0))).toEqual([1, 5, 3]);
    expect([ramp(0), ramp(1), ramp(2)]).toEqual(["#440154", "#fde725", "#fde725"]);
  });

  test("what a metric depends on weighs most", () => {
    const n = 80;
    const noise = (seed: number) => Array.from({ length: n }, (_, i) => ((i * 7919 + seed * 104729) % 101) / 101);
    const [a, b, c] = [noise(1), noise(2).map((value) => Math.floor(value * 3)), noise(3)];
    const y = a.map((value, i) => 3 * value + (b[i] ?? 0) * 0.4 + (c[i] ?? 0) * 0.01);
    const found = weigh([{ name: "c", at: c, texts: false }, { name: "a", at: a, texts: false }, { name: "b", at: b, texts: true }], y);
    expect(found.map((each) => each.name)).toEqual(["a", "b", "c"]);
    expect(found.reduce((sum, each) => sum + each.importance, 0)).toBeCloseTo(1);
    expect(found[0]?.importance).toBeGreaterThan(0.5);
    expect(weigh([{ name: "a", at: a, texts: false }], [1, 2, null, null])).toEqual([]);
    expect(weigh([], y)).toEqual([]);
  });

  test("correlations are those of the books", () => {
    expect(pearson([1, 2, 3], [2, 4, 6])).toBeCloseTo(1);
    expect(pearson([1, 2, 3], [6, 4, 2])).toBeCloseTo(-1);
    expect(pearson([1, 1, 1], [6, 4, 2])).toBe(0);
    expect(ratio([0, 0, 1, 1], [1, 1, 5, 5])).toBeCloseTo(1);
  });
});

describe("media by step", () => {
  const file = (path: string, part = {}) => readMedium("r", { path, is_dir: false, file_size: 5, ...part });

  test("are known by MLflow's names", () => {
    expect(file("images/val#sample%step%12%timestamp%1700%1b4e-28ba.png")).toEqual({
      run: "r", key: "val/sample", step: 12, time: 1700, path: "images/val#sample%step%12%timestamp%1700%1b4e-28ba.png", kind: "image", size: 5,
    });
    expect(file("audio/voice%step%0%timestamp%1%x.wav")?.kind).toBe("audio");
    for (const path of ["images/a.png", "images/a%step%1%timestamp%2%u.txt", "images/a%step%x%timestamp%2%u.png"]) expect(file(path)).toBeNull();
    expect(file("images/a%step%1%timestamp%2%u.png", { is_dir: true })).toBeNull();
  });

  test("a small copy is left out, the later of two at one step counts, and a step shows the last up to it", () => {
    const names = ["a%step%1%timestamp%5%u.png", "a%step%1%timestamp%5%u.webp", "a%step%1%timestamp%9%v.png", "a%step%4%timestamp%9%w.webp", "b%step%2%timestamp%1%z.png"];
    const sets = mediaSets(names.map((name) => file(`images/${name}`)).filter((each) => each !== null));
    expect(sets.map((set) => [set.key, set.steps])).toEqual([["a", [1, 4]], ["b", [2]]]);
    const steps = sets[0]?.runs.get("r");
    expect([mediumAt(steps, 0), mediumAt(steps, 3)?.time, mediumAt(steps, 9)?.path]).toEqual([undefined, 9, "images/a%step%4%timestamp%9%w.webp"]);
  });
});
