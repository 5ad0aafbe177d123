import { describe, expect, test, vi } from "vitest";
import { bandOf, quantile } from "./bands";
import { FIRST_CHARTS, keepCharts, parseCharts, withCharts, type ChartState } from "./chart_state";
import { grown, placeOf, readCurves, readJsonCurves, type Curve } from "./curves";
import { CurveStore, detail, type CurvesQuestion } from "./curve_store";
import { fileName, toCsv } from "./csv";
import { xBounds, yBounds } from "./extent";
import { Frames } from "./frames";
import { lineFacts, makeModel, valueAt, type ChartRun } from "./lines";
import { finder, groupByPrefix, isSystem, likeliestMetric } from "./metric_names";
import { makeScale, shortNumber, tickText, ticksOf, withAir } from "./scale";
import { smooth } from "./smooth";

const curve = (x: number[], y: number[], part: Partial<Curve> = {}): Curve => ({
  run: "r", key: "loss", x: Float64Array.from(x), y: Float64Array.from(y), n: x.length, count: x.length, nan: y.filter(Number.isNaN).length, whole: true, stamp: 1, ...part,
});

/** Bytes as the server packs them. */
function packed(records: { run: number; key: number; n: number; kinds: [number, number, number]; numbers: [number, number, number, number]; bodies: ArrayBufferView[] }[]): ArrayBuffer {
  const size = 8 + 56 * records.length + records.flatMap((each) => each.bodies).reduce((sum, body) => sum + Math.ceil(body.byteLength / 8) * 8, 0);
  const buffer = new ArrayBuffer(size);
  const view = new DataView(buffer);
  new Uint8Array(buffer).set([0x4d, 0x53, 0x43, 0x31]);
  view.setUint32(4, records.length, true);
  let at = 8 + 56 * records.length;
  records.forEach((each, number) => {
    const start = 8 + 56 * number;
    [each.run, each.key, each.n].forEach((value, i) => view.setUint32(start + 4 * i, value, true));
    each.kinds.forEach((value, i) => view.setUint8(start + 12 + i, value));
    each.numbers.forEach((value, i) => view.setFloat64(start + 16 + 8 * i, value, true));
    for (const body of each.bodies) {
      new Uint8Array(buffer).set(new Uint8Array(body.buffer, body.byteOffset, body.byteLength), at);
      at += Math.ceil(body.byteLength / 8) * 8;
    }
  });
  return buffer;
}

describe("curves", () => {
  test("are read as they were packed, whatever the kinds of their columns", () => {
    const y = Float32Array.of(1, NaN, Infinity);
    const buffer = packed([
      { run: 1, key: 0, n: 3, kinds: [0, 0, 1], numbers: [3, 1, 10, 5], bodies: [y] },
      { run: 0, key: 1, n: 3, kinds: [1, 1, 0], numbers: [9, 0, -5, 1], bodies: [Uint16Array.of(0, 2, 9), Float64Array.of(0.1, 0.2, 0.3)] },
      { run: 0, key: 0, n: 1, kinds: [2, 1, 1], numbers: [1, 0, 1e12, 1], bodies: [Uint32Array.of(7), Float64Array.of(1e300)] },
      { run: 0, key: 0, n: 2, kinds: [3, 1, 1], numbers: [2, 0, 1, 1], bodies: [Float64Array.of(1, 1e15), Float64Array.of(1, 2)] },
    ]);
    const [one, two, three, four] = readCurves(buffer, ["a", "b"], ["m", "손실"]);
    expect([one?.run, one?.key, [...(one?.x ?? [])], [...(one?.y ?? [])], one?.whole, one?.count, one?.nan]).toEqual(["b", "m", [10, 15, 20], [1, NaN, Infinity], true, 3, 1]);
    expect([two?.key, [...(two?.x ?? [])], [...(two?.y ?? [])], two?.whole]).toEqual(["손실", [-5, -3, 4], [0.1, 0.2, 0.3], false]);
    expect([three?.x[0], three?.y[0]]).toEqual([1e12 + 7, 1e300]);
    expect([...(four?.x ?? [])]).toEqual([1, 1e15]);
    expect(() => readCurves(new ArrayBuffer(4), [], [])).toThrow();
  });

  test("come in JSON too", () => {
    const [one] = readJsonCurves({ curves: [{ run_id: "r", key: "m", count: 2, nan_count: 1, whole: true, x: [1, 2], y: [0.5, "NaN"] }] });
    expect([one?.n, [...(one?.y ?? [])]]).toEqual([2, [0.5, NaN]]);
  });

  test("grow at the end, and say so when an earlier point came in between", () => {
    const first = curve([0, 1, 2], [5, 6, NaN]);
    const longer = grown(first, curve([2, 3], [NaN, 8]), 2);
    expect([longer.n, longer.stamp, longer.count, longer.nan]).toEqual([4, 1, 4, 1]);
    expect([[...longer.x.subarray(0, 4)], [...longer.y.subarray(0, 4)]]).toEqual([[0, 1, 2, 3], [5, 6, NaN, 8]]);
    const more = grown(longer, curve([3, 4], [8, 9]), 3);
    expect(more.x).toBe(longer.x);
    expect([more.n, more.y[4], more.stamp]).toEqual([5, 9, 1]);
    expect(grown(more, curve([3, 3, 4], [8, 7, 9]), 3).stamp).not.toBe(1);
    expect([...first.x]).toEqual([0, 1, 2]);
  });

  test("places are found in order", () => {
    expect([-1, 0, 1, 2, 9].map((bound) => placeOf([0, 2, 4], 3, bound))).toEqual([0, 0, 1, 1, 3]);
    expect([0, 1, 2.5, 9].map((at) => valueAt(curve([0, 2, 3], [0, 4, 8]), at))).toEqual([0, 2, 6, NaN]);
  });
});

describe("what charts in sight need", () => {
  const view = { runs: ["a", "b"], axis: "step", range: null, width: 500, running: new Set(["a"]) } as const;
  const soon = (): Promise<void> => new Promise((done) => setTimeout(done, 20));
  const answering = (): { store: CurveStore; asked: CurvesQuestion[]; changed: string[] } => {
    const asked: CurvesQuestion[] = [];
    const changed: string[] = [];
    const store = new CurveStore(async (question) => {
      asked.push(question);
      const from = question.since.length ? (question.since[0] ?? 0) : 0;
      return question.run_ids.flatMap((run) => question.keys.map((key) => curve([from, from + 1], [0, 1], { run, key })));
    }, (key) => changed.push(key), 0);
    store.look(view);
    return { store, asked, changed };
  };

  test("is asked for in one question, once", async () => {
    const { store, asked, changed } = answering();
    store.enter("m");
    store.enter("n");
    store.enter("m");
    await soon();
    expect(asked).toMatchObject([{ run_ids: ["a", "b"], keys: ["m", "n"], x: "step", low: null, exact: true, since: [] }]);
    expect(store.curves("m").size).toBe(2);
    expect(store.state("m")).toEqual({ loading: false, error: undefined });
    expect(new Set(changed)).toEqual(new Set(["m", "n"]));
    store.leave("n");
    store.enter("n");
    store.look({ ...view, runs: ["a", "b", "c"] });
    await soon();
    expect(asked.slice(1)).toMatchObject([{ run_ids: ["c"], keys: ["m", "n"] }]);
  });

  test("grows by what is new of runs that the server tells of", async () => {
    const { store, asked } = answering();
    store.enter("m");
    await soon();
    store.told({ kind: "points", experiment_id: "0", run_id: "a", points: { m: 2, other: 9 } });
    store.told({ kind: "points", experiment_id: "0", run_id: "stranger", points: { m: 2 } });
    await soon();
    expect(asked.slice(1)).toMatchObject([{ run_ids: ["a"], keys: ["m"], since: [1] }]);
    expect([...(store.curves("m").get("a")?.x.subarray(0, 3) ?? [])]).toEqual([0, 1, 2]);
    store.told({ kind: "points", experiment_id: "0", run_id: "b", points: { other: 1 } });
    await soon();
    expect(asked).toHaveLength(2);
    store.told({ kind: "changed", experiment_id: "0", run_id: "a", status: "FINISHED" });
    await soon();
    expect(asked.slice(2)).toMatchObject([{ run_ids: ["a"], keys: ["m"], since: [] }]);
    store.told(null);
    await soon();
    expect(asked.slice(3)).toMatchObject([{ run_ids: ["a"], since: [1] }]);
  });

  test("is another when the stretch is another; failures are told and mended", async () => {
    const { store, asked } = answering();
    store.enter("m");
    await soon();
    store.look({ ...view, range: [0.5, 3.5] });
    await soon();
    expect(asked[1]).toMatchObject({ low: 0, high: 4 });
    const failing = new CurveStore(vi.fn().mockRejectedValue(new Error("gone")), () => undefined);
    failing.look(view);
    failing.enter("m");
    await soon();
    expect(failing.state("m").error).toEqual(new Error("gone"));
  });

  test("many runs take no more bytes than few", () => {
    expect(detail(3, 480)).toEqual({ width: 500, exact: true });
    for (const runs of [13, 50, 200, 500]) expect(detail(runs, 500).width * runs).toBeLessThan(9000);
  });
});

describe("axes", () => {
  test("map values to pixels and back", () => {
    const plain = makeScale(-10, 10, 100, 300, false);
    expect([plain.pixel(0), plain.value(200)]).toEqual([200, 0]);
    const log = makeScale(1, 100, 0, 100, true);
    expect(log.pixel(10)).toBeCloseTo(50);
    expect(log.value(50)).toBeCloseTo(10);
    const huge = makeScale(-1.7e308, 1.7e308, 0, 100, false);
    expect([huge.pixel(0), huge.value(50)]).toEqual([50, 0]);
    expect(makeScale(3, 3, 0, 100, false).pixel(3)).toBe(0);
  });

  test("have marks that people read", () => {
    expect(ticksOf(makeScale(0, 100, 0, 1, false), 5, "step")).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticksOf(makeScale(0, 1, 0, 1, false), 5, "number")).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1].map((value) => expect.closeTo(value, 12)));
    expect(ticksOf(makeScale(0, 2, 0, 1, false), 5, "step")).toEqual([0, 1, 2]);
    expect(ticksOf(makeScale(0.01, 100, 0, 1, true), 5, "number")).toEqual([0.01, 0.1, 1, 10, 100]);
    expect(ticksOf(makeScale(0, 600_000, 0, 1, false), 5, "relative")).toEqual([0, 120_000, 240_000, 360_000, 480_000, 600_000]);
    expect(ticksOf(makeScale(1, 1, 0, 1, false), 5, "number")).toEqual([1]);
    for (const [low, high] of [[1e-300, 2e-300], [-1e308, 1e308], [0, 5e-324], [1e15, 1e15 + 1]] as const) {
      expect(ticksOf(makeScale(low, high, 0, 1, false), 5, "number").length).toBeLessThan(12);
    }
  });

  test("write numbers short", () => {
    expect([20_000, 1_500_000, 0.1, 1e-7, -25_000, 3e9].map(shortNumber)).toEqual(["20k", "1.5M", "0.1", "1e-7", "−25k", "3G"]);
    expect(tickText(90_000, "relative", 1)).toBe("1m 30s");
  });

  test("leave air around what is drawn", () => {
    expect(withAir(0, 10, false)).toEqual([-0.5, 10.5]);
    expect(withAir(0, 0, false)).toEqual([-1, 1]);
    expect(withAir(1, 1, true)).toEqual([0.5, 2]);
    expect(withAir(5, 5, false)).toEqual([4.5, 5.5]);
  });
});

describe("smoothing", () => {
  const x = [0, 1, 2, 3];
  test("a constant stays, NaN stays where it is and spoils nothing", () => {
    for (const kind of ["ema", "gaussian"] as const) {
      expect([...smooth(kind, 0.9, x, [2, 2, NaN, 2], 4, 3)]).toEqual([2, 2, NaN, 2].map((value) => (Number.isNaN(value) ? NaN : expect.closeTo(value, 12))));
      expect(smooth(kind, 0.9, x, [1, Infinity, 2, 3], 4, 3)[1]).toBe(Infinity);
    }
  });

  test("the average weighs by distance along x, not by number of points", () => {
    const sparse = smooth("ema", 0.99, [0, 10, 20], [0, 10, 20], 3, 1000);
    const dense = smooth("ema", 0.99, Array.from({ length: 21 }, (_, i) => i), Array.from({ length: 21 }, (_, i) => i), 21, 1000);
    expect(Math.abs((sparse[2] ?? 0) - (dense[20] ?? 0))).toBeLessThan(5);
    expect(smooth("ema", 0, x, [1, 5, 2, 4], 4, 3)).toEqual(Float64Array.of(1, 5, 2, 4));
  });

  test("points at the same x are averaged too", () => {
    const same = smooth("ema", 0.81, [1, 1], [0, 1], 2, 1);
    expect(same[1]).toBeGreaterThan(0);
    expect(same[1]).toBeLessThan(1);
  });
});

describe("bands", () => {
  const line = (y: number[], x = y.map((_, i) => i)): Curve => curve(x, y);

  test("no point is left out of lowest and highest", () => {
    const spike = Array.from({ length: 5000 }, (_, i) => (i === 777 ? 1e6 : 0));
    const band = bandOf([line(spike), line(spike.map(() => 1))], 0, 4999, "minmax");
    expect(Math.max(...band.high)).toBe(1e6);
    expect(Math.min(...band.low)).toBe(0);
    expect(band.x.length).toBe(160);
  });

  test("mean and deviation are those of the runs", () => {
    const band = bandOf([line([1, 1]), line([3, 3])], 0, 1, "std");
    expect([...band.mid]).toEqual([2, 2]);
    expect(band.high[0]).toBeCloseTo(2 + Math.SQRT2);
    expect([...bandOf([line([1]), line([2]), line([9])], 0, 0, "deciles").mid]).toEqual([2]);
  });

  test("a run counts only where it has points", () => {
    const band = bandOf([line([1, 1, 1, 1]), line([5, NaN], [0, 1])], 0, 3, "minmax");
    expect([...band.mid]).toEqual([3, 1, 1, 1]);
  });

  test("quantiles", () => expect([0, 0.5, 1].map((q) => quantile([1, 2, 4], q))).toEqual([1, 2, 4]));
});

const runs = (n: number): ChartRun[] => Array.from({ length: n }, (_, i) => ({ id: `r${i}`, name: `run ${i}`, color: "#123456", group: i % 2 ? "odd" : "even", live: false }));

describe("what a chart draws", () => {
  const state = { ...FIRST_CHARTS };
  const from = (n: number, part: Partial<ChartState> = {}, grouped = n > 50) => makeModel({
    metric: "loss", runs: runs(n).map((run) => (grouped ? run : { ...run, group: "" })), curves: new Map(runs(n).map((run, i) => [run.id, curve([0, 1, 2], [i, i + 1, NaN], { run: run.id })])), across: null,
    state: { ...state, ...part }, axisName: "step", colorOf: () => "#000000", everyone: "all",
  });

  test("ten runs have colours, further ones are grey, many get a band", () => {
    expect(from(10).lines.every((line) => line.look === "line")).toBe(true);
    expect(from(12).lines.map((line) => line.look).filter((look) => look === "pale")).toHaveLength(2);
    expect(from(12).bands).toEqual([]);
    expect(from(60).bands.map((band) => [band.label, band.runs])).toEqual([["even", 30], ["odd", 30]]);
    expect(from(4, { draw: "bands" }).lines).toEqual([]);
  });

  test("a smoothed line keeps its raw one", () => {
    expect(from(1, { smoothing: "ema" }).lines.map((line) => line.look)).toEqual(["raw", "line"]);
  });

  test("another metric is x by the steps that both have", () => {
    const model = makeModel({
      metric: "loss", runs: runs(1), curves: new Map([["r0", curve([0, 1, 2, 9], [10, 11, 12, 13])]]), across: new Map([["r0", curve([0, 2], [5, 1])]]),
      state: { ...state, x: "m:lr" }, axisName: "lr", colorOf: () => "", everyone: "",
    });
    expect([[...(model.lines[0]?.x as Float64Array)], [...(model.lines[0]?.y as Float64Array)]]).toEqual([[1, 3, 5], [12, 11, 10]]);
  });

  test("bounds leave out what cannot be drawn, and outliers on wish", () => {
    const model = from(1);
    expect([xBounds(model), yBounds(model, [0, 2])]).toEqual([[0, 2], [-0.05, 1.05]]);
    expect(yBounds({ ...model, logY: true }, [0, 2])).toEqual([0.5, 2]);
    const wild = { ...model, lines: [{ ...model.lines[0]!, ...curve(Array.from({ length: 500 }, (_, i) => i), Array.from({ length: 500 }, (_, i) => (i === 9 ? 1e9 : i / 500))) }] };
    expect(yBounds(wild, [0, 499])[1]).toBeGreaterThan(1e9);
    expect(yBounds({ ...wild, clip: true }, [0, 499])[1]).toBeLessThan(1.1);
    expect(xBounds({ ...model, lines: [] })).toEqual([0, 1]);
  });

  test("facts leave gaps out and count them", () => {
    expect(lineFacts({ ...curve([0, 1, 2, 3], [NaN, 5, Infinity, -2]), nan: 1 })).toEqual({
      points: 2, nan: 1, infinite: 1, notPositive: 1, first: 5, last: -2, lowest: -2, highest: 5,
    });
  });
});

describe("the charts' part of the address", () => {
  test.each<Partial<ChartState>>([
    {}, { x: "m:val/acc", logX: true }, { smoothing: "gaussian", strength: 0.25 }, { scope: "first", first: 50, draw: "bands", spread: "std" },
    { group: "p:lr", range: [-1.5, 1e9], find: "a|b", full: "손실 1", pane: "charts" }, { clip: true, logY: true, made: ["a", "b~c"] },
  ])("survives %j beside the table's", (part) => {
    const now = { ...FIRST_CHARTS, ...part };
    const search = withCharts("?q=metrics.a+%3C+1&col=m:a&col=m:b", now);
    expect(parseCharts(search)).toEqual(now);
    expect(new URLSearchParams(search).getAll("col")).toEqual(["m:a", "m:b"]);
    expect(parseCharts(keepCharts("?sort=name", search))).toEqual(now);
  });

  test("nonsense is as at first", () => {
    expect(parseCharts("?c.x=foo&c.smooth=ema~7&c.first=-1&c.zoom=3~1&c.pane=x&c.draw=")).toEqual({ ...FIRST_CHARTS, smoothing: "ema" });
    expect(withCharts("", FIRST_CHARTS)).toBe("");
  });
});

describe("names of metrics", () => {
  test("are grouped by what stands before the last slash", () => {
    expect(groupByPrefix(["system/cpu", "val/acc", "loss", "val/loss", "a/b/c"])).toEqual([
      { prefix: "", keys: ["loss"] }, { prefix: "a/b", keys: ["a/b/c"] }, { prefix: "val", keys: ["val/acc", "val/loss"] }, { prefix: "system", keys: ["system/cpu"] },
    ]);
  });

  test("are found by patterns, and by what is none", () => {
    expect(["val/acc", "loss"].filter(finder("^VAL|x"))).toEqual(["val/acc"]);
    expect(["a(b", "c"].filter(finder("a("))).toEqual(["a(b"]);
    expect(isSystem("system/cpu")).toBe(true);
  });

  test("a loss is looked at first, else a score, else what most runs have", () => {
    expect(likeliestMetric(new Map([["epoch", 9], ["val/acc", 3], ["train/loss", 2]]))).toBe("train/loss");
    expect(likeliestMetric(new Map([["epoch", 9], ["val/acc", 3]]))).toBe("val/acc");
    expect(likeliestMetric(new Map())).toBeUndefined();
  });
});

test("drawing rests when a frame's time is used up, and does what was asked last", () => {
  let time = 0;
  const turns: (() => void)[] = [];
  const frames = new Frames((work) => turns.push(work), () => time);
  const done: string[] = [];
  const [a, b, c] = [{}, {}, {}];
  frames.ask(a, () => done.push("old"));
  frames.ask(a, () => { done.push("a"); time += 10; });
  frames.ask(b, () => done.push("b"));
  frames.ask(c, () => done.push("c"));
  frames.drop(c);
  turns.shift()?.();
  expect(done).toEqual(["a"]);
  turns.shift()?.();
  expect([done, turns]).toEqual([["a", "b"], []]);
});

test("tables as CSV", () => {
  expect(toCsv([["a", 'say "x", y'], [0.1, null], ["=1+1", "@a"], ["-0.5", "+1e-3"], ["-1+1", "-inf"], [-0.5, "-"]]))
    .toBe('a,"say ""x"", y"\r\n0.1,\r\n\'=1+1,\'@a\r\n-0.5,+1e-3\r\n\'-1+1,-inf\r\n-0.5,\'-\r\n');
  expect(fileName("val/acc 한", "csv")).toBe("val_acc_한.csv");
});
