import { describe, expect, test } from "vitest";
import { columnId, columnOf, defaultColumns, durationOf, factsOf, valueCell, withColumn, withMoved } from "./columns";
import { columnSpan, edges, placeAt, rowOfSlot, rowSpan, scrollTo } from "./grid_layout";
import { Block, BLOCK, inOldPlaces, RunWindow, sameRows } from "./run_window";
import type { RunKeys, RunOutline, RunTable } from "./wire";

function table(ids: string[], part: Partial<RunTable> = {}): RunTable {
  const all = <T>(value: T): T[] => ids.map(() => value);
  return {
    total: ids.length, run_id: ids, experiment_id: all("0"), run_name: ids.map((id) => `name ${id}`), status: all("FINISHED"),
    lifecycle_stage: all("active"), user_id: all("kim"), start_time: all<number | null>(1), end_time: all<number | null>(2), artifact_uri: all("x"),
    metrics: {}, params: {}, tags: {}, ...part,
  };
}

describe("columns", () => {
  const rows = table(["a", "b", "c"], {
    metrics: { loss: [0.1, "NaN", "-Infinity"], rare: [null, null, 3] },
    params: { same: ["1", "1", "1"], lr: ["0.1", "0.2", null], some: [null, "x", null] },
    tags: { note: ["first\nsecond", null, null] },
  });

  const keys: RunKeys = {
    total: 3,
    metrics: { key: ["flat", "loss", "rare"], runs: [3, 3, 1], varies: [false, true, true], numeric: [true, true, true], value: [null, null, null] },
    params: { key: ["lr", "same", "some"], runs: [2, 3, 1], varies: [true, false, true], numeric: [true, true, false], value: [null, "1", null] },
    tags: { key: ["team"], runs: [3], varies: [false], numeric: [false], value: ["b"] },
  };

  test("parameters that differ and metrics by coverage show first; what is equal everywhere does not", () => {
    expect(defaultColumns(factsOf(keys))).toEqual(["status", "m:loss", "m:rare", "p:lr", "p:some", "start_time", "duration"]);
    expect(factsOf(keys).same).toEqual(new Map([["m:flat", null], ["p:same", "1"], ["t:team", "b"]]));
    expect(factsOf(keys).numeric).toEqual(new Set(["lr", "same"]));
  });

  test("what the machine measured beside a run comes behind its own metrics", () => {
    const metrics = { key: ["rare", "system/cpu"], runs: [1, 3], varies: [true, true], numeric: [true, true], value: [null, null] };
    expect(defaultColumns(factsOf({ ...keys, metrics })).slice(0, 3)).toEqual(["status", "m:rare", "m:system/cpu"]);
  });

  test("a single run shows its parameters and metrics", () => {
    expect(defaultColumns(factsOf({ ...keys, total: 1 }))).toEqual(expect.arrayContaining(["p:same", "m:flat"]));
  });

  test("the user shows only where there is more than one", () => {
    expect(defaultColumns(factsOf(keys), true)).toContain("user_id");
    expect(defaultColumns(factsOf(keys))).not.toContain("user_id");
  });

  test("parts of a metric have columns of their own", () => {
    const least = columnOf("min:val/loss")!;
    expect([least.key, least.part, least.order, least.name]).toEqual(["val/loss", "min", "metrics.`val/loss`.min", "val/loss.min"]);
    expect(columnId("metric", "val/loss", "min")).toBe("min:val/loss");
    expect(columnOf("m:loss.min")!.order).toBe("metrics.`loss.min`");
    expect(["", ":x", "q:x", "m:", "duration2"].map(columnOf)).toEqual([null, null, null, null, null]);
    expect(valueCell(table(["a"], { metrics: { "val/loss.min": [2] } }), 0, least).text).toBe("2");
  });

  test("columns come behind their kind and move where they are put", () => {
    const shown = ["status", "p:a", "p:b", "m:x"];
    expect(withColumn(shown, "p:c")).toEqual(["status", "p:a", "p:b", "p:c", "m:x"]);
    expect(withColumn(shown, "min:x", "m:x")).toEqual([...shown, "min:x"]);
    expect(withColumn(shown, "t:z")).toEqual([...shown, "t:z"]);
    expect(withMoved(shown, "m:x", "p:a")).toEqual(["status", "m:x", "p:a", "p:b"]);
    expect(withMoved(shown, "status", null)).toEqual(["p:a", "p:b", "m:x", "status"]);
  });

  test("cells: five digits, the exact value on hover, first lines, nothing for nothing", () => {
    const metric = columnOf("m:loss")!;
    expect([0, 1, 2].map((at) => valueCell(rows, at, metric).text)).toEqual(["0.1", "NaN", "−∞"]);
    expect(valueCell(rows, 0, columnOf("t:note")!)).toEqual({ text: "first …", title: "first\nsecond" });
    expect(valueCell(rows, 2, columnOf("p:lr")!)).toEqual({ text: "", title: "" });
    expect(valueCell(rows, 0, columnOf("m:unknown")!)).toEqual({ text: "", title: "" });
  });

  test("only a running run's duration goes on", () => {
    expect(durationOf("RUNNING", 10, null, 40)).toBe(30);
    expect(durationOf("FAILED", 10, null, 40)).toBeNull();
    expect(durationOf("FINISHED", 10, 15, 40)).toBe(5);
  });
});

describe("what is in sight", () => {
  test("rows of a hundred thousand", () => {
    expect(rowSpan(0, 280, 28, 100_000, 2)).toEqual({ first: 0, last: 12 });
    expect(rowSpan(2_799_720, 280, 28, 100_000, 2)).toEqual({ first: 99_988, last: 100_000 });
    expect(rowSpan(9_000, 280, 28, 0, 2)).toEqual({ first: 0, last: 0 });
  });

  test("columns that a stretch touches", () => {
    const at = edges([100, 50, 200]);
    expect(columnSpan(at, 0, 120)).toEqual({ first: 0, last: 2 });
    expect(columnSpan(at, 100, 50)).toEqual({ first: 1, last: 2 });
    expect(columnSpan(edges([]), 0, 100)).toEqual({ first: 0, last: 0 });
  });

  test("where a dragged column falls", () => {
    const at = edges([100, 50, 200]);
    expect([-5, 49, 51, 124, 126, 251, 900].map((x) => placeAt(at, x))).toEqual([0, 0, 1, 1, 2, 3, 3]);
  });

  test("scrolling by one row refills one element, and every row in sight has exactly one", () => {
    const rowsOf = (span: { first: number; last: number }): (number | null)[] =>
      Array.from({ length: 8 }, (_, slot) => rowOfSlot(slot, 8, span));
    const [before, after] = [rowsOf({ first: 20, last: 28 }), rowsOf({ first: 21, last: 29 })];
    expect([...before].sort()).toEqual([20, 21, 22, 23, 24, 25, 26, 27]);
    expect(after.filter((row, slot) => row !== before[slot])).toEqual([28]);
    expect(rowsOf({ first: 0, last: 3 }).filter((row) => row !== null)).toEqual([0, 1, 2]);
  });

  test("a row comes into sight with the least movement", () => {
    expect(scrollTo(0, 100, 280, 28)).toBe(0);
    expect(scrollTo(5, 0, 280, 28)).toBe(0);
    expect(scrollTo(10, 0, 280, 28)).toBe(28);
  });
});

describe("blocks of rows", () => {
  const block = (ids: string[], part: Partial<RunTable> = {}, columns: string[] = []): Block => new Block(table(ids, part), new Set(columns));
  const many = (offset: number): string[] => Array.from({ length: BLOCK }, (_, i) => `${offset + i}`);

  test("only missing blocks within the total are asked for", () => {
    const rows = new RunWindow();
    rows.put(0, block(many(0)), 2.5 * BLOCK);
    expect(rows.missing(BLOCK - 10, 2 * BLOCK + 100, []).map((each) => each.offset)).toEqual([BLOCK, 2 * BLOCK]);
    expect(rows.missing(0, 40, [])).toEqual([]);
    expect(rows.missing(2 * BLOCK, 9 * BLOCK, ["a"])).toEqual([{ offset: 2 * BLOCK, columns: ["a"] }]);
    expect(rows.at(7)?.at).toBe(7);
    expect(rows.at(BLOCK)).toBeUndefined();
  });

  test("columns that are not here yet are asked for alone and join the others", () => {
    const rows = new RunWindow();
    rows.put(0, block(["a", "b"], { metrics: { x: [1, 2] } }, ["metrics.x"]), 2);
    expect(rows.missing(0, 2, ["metrics.x", "params.p"])).toEqual([{ offset: 0, columns: ["params.p"] }]);
    rows.put(0, block(["a", "b"], { params: { p: ["1", null] } }, ["params.p"]), 2);
    expect(rows.missing(0, 2, ["metrics.x", "params.p"])).toEqual([]);
    expect([rows.at(1)?.table.metrics, rows.at(1)?.table.params]).toEqual([{ x: [1, 2] }, { p: ["1", null] }]);
    rows.put(0, block(["b", "a"], {}, ["params.p"]), 2);
    expect(rows.missing(0, 2, ["metrics.x"])).toEqual([{ offset: 0, columns: ["metrics.x"] }]);
  });

  test("long scrolling drops what was seen longest ago, but never the first block", () => {
    const rows = new RunWindow();
    for (let i = 0; i < 200; i++) rows.put(i * BLOCK, block(["a"]), 200 * BLOCK);
    expect(rows.tables().length).toBeLessThan(140);
    expect(rows.block(0)).toBeDefined();
    expect(rows.block(199 * BLOCK)).toBeDefined();
    expect(rows.block(BLOCK)).toBeUndefined();
  });

  test("values out of sight grow old: they show on, and are asked for again once they are looked at", () => {
    const rows = new RunWindow();
    const ids = Array.from({ length: BLOCK }, (_, i) => `r${i}`);
    for (const offset of [0, BLOCK]) rows.put(offset, block(ids, {}, ["metrics.x"]), 2 * BLOCK);
    rows.age({ first: 0, last: 30 });
    expect(rows.at(BLOCK)).toBeDefined();
    expect(rows.missing(0, 90, ["metrics.x"], { first: 0, last: 30 })).toEqual([]);
    expect(rows.missing(0, 90, ["metrics.x"], { first: 10, last: 40 })).toEqual([{ offset: 0, columns: ["metrics.x"] }]);
    rows.put(0, block(ids, {}, ["metrics.x"]), 2 * BLOCK);
    expect(rows.missing(0, 90, ["metrics.x"], { first: 10, last: 40 })).toEqual([]);
    expect(rows.missing(60, 190, ["metrics.x"], { first: 80, last: 120 })).toEqual([{ offset: BLOCK, columns: ["metrics.x"] }]);
  });

  test("rows of an outline are runs and groups, with what is below them", () => {
    const outline: RunOutline = {
      total: 3, runs: 5, run: [null, 0, 1], depth: [0, 1, 2], below: [4, 1, 0], table: table(["a", "b"]),
      groups: {
        id: ['["0.1"]'], runs: [4], values: { "params.lr": ["0.1"] },
        metrics: { loss: { count: [3], mean: [2], std: [null], min: ["-Infinity"], max: [3] } },
      },
    };
    const rows = new RunWindow();
    rows.put(0, new Block(outline.table, new Set(), outline), outline.total);
    const [group, first, second] = [0, 1, 2].map((row) => rows.at(row)!);
    expect([group!.group!.runs, group!.group!.values, group!.group!.stats("loss")!.min, group!.group!.stats("none")]).toEqual([4, { "params.lr": "0.1" }, "-Infinity", null]);
    expect([first!.at, first!.depth, first!.below, second!.at, second!.depth]).toEqual([0, 1, 1, 1, 2]);
    expect([0, 1, 2, 3].map((row) => rows.id(row))).toEqual(['group ["0.1"]', "a", "b", ""]);
  });

  test("fresh values come to runs where they stand; other runs keep theirs", () => {
    const old = table(["a", "b"], { metrics: { loss: [1, 2] }, status: ["RUNNING", "RUNNING"] });
    const fresh = table(["new", "b"], { metrics: { loss: [9, 1.5], extra: [1, 2] }, total: 3 });
    const merged = inOldPlaces(old, fresh);
    expect(merged.run_id).toEqual(["a", "b"]);
    expect(merged.metrics).toEqual({ loss: [1, 1.5], extra: [null, 2] });
    expect(merged.status).toEqual(["RUNNING", "FINISHED"]);
    expect(merged.total).toBe(2);
    expect(sameRows(new Block(old, new Set()), new Block(fresh, new Set()))).toBe(false);
    expect(sameRows(new Block(old, new Set()), new Block({ ...old }, new Set()))).toBe(true);
  });
});
