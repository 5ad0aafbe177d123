import { describe, expect, test } from "vitest";
import { columnOf, defaultColumns, durationOf, keyFacts, valueCell } from "./columns";
import { columnSpan, edges, rowOfSlot, rowSpan, scrollTo } from "./grid_layout";
import { BLOCK, inOldPlaces, RunWindow, sameRows } from "./run_window";
import type { RunTable } from "./wire";

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

  test("parameters that differ and metrics by coverage show first", () => {
    expect(defaultColumns(rows)).toEqual(["status", "start_time", "duration", "p:lr", "p:some", "m:loss", "m:rare"]);
  });

  test("a single run shows its parameters", () => {
    expect(defaultColumns(table(["a"], { params: { lr: ["0.1"] } }))).toContain("p:lr");
  });

  test("the user shows only where there is more than one", () => {
    expect(defaultColumns({ ...rows, user_id: ["a", "b", "a"] })).toContain("user_id");
  });

  test("a parameter that differs between blocks differs", () => {
    const facts = keyFacts([table(["a"], { params: { lr: ["1"] } }), table(["b"], { params: { lr: ["2"] } })]);
    expect(facts.params.get("lr")).toEqual({ runs: 2, differs: true });
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
  test("only missing blocks within the total are asked for", () => {
    const rows = new RunWindow();
    rows.put(0, table(["a"], { total: 2500 }));
    expect(rows.missing(990, 2100)).toEqual([1000, 2000]);
    expect(rows.missing(0, 40)).toEqual([]);
    expect(rows.missing(2400, 9000)).toEqual([2000]);
    expect(rows.at(0)?.at).toBe(0);
    expect(rows.at(1)).toBeUndefined();
  });

  test("long scrolling drops what was seen longest ago, but never the first block", () => {
    const rows = new RunWindow();
    for (let i = 0; i < 60; i++) rows.put(i * BLOCK, table(["a"], { total: 60 * BLOCK }));
    expect(rows.tables().length).toBeLessThan(30);
    expect(rows.block(0)).toBeDefined();
    expect(rows.block(59 * BLOCK)).toBeDefined();
    expect(rows.block(BLOCK)).toBeUndefined();
  });

  test("fresh values come to runs where they stand; other runs keep theirs", () => {
    const old = table(["a", "b"], { metrics: { loss: [1, 2] }, status: ["RUNNING", "RUNNING"] });
    const fresh = table(["new", "b"], { metrics: { loss: [9, 1.5], extra: [1, 2] }, total: 3 });
    const merged = inOldPlaces(old, fresh);
    expect(merged.run_id).toEqual(["a", "b"]);
    expect(merged.metrics).toEqual({ loss: [1, 1.5], extra: [null, 2] });
    expect(merged.status).toEqual(["RUNNING", "FINISHED"]);
    expect(merged.total).toBe(2);
    expect(sameRows(old, fresh)).toBe(false);
    expect(sameRows(old, { ...old })).toBe(true);
  });
});
