import { describe, expect, test } from "vitest";
import { comparePath, MOST_COMPARED, parseCompare, withCompare } from "./compare_state";
import {
  csvRows, deltaOf, difference, isHead, linesOf, movedRun, numberOf, orderByValue, packageLines, partColumns, rowsOf, type Line, type Value,
} from "./comparison";
import { modelPaths, parseRequirements, pythonOf } from "./requirements";
import { sharedFiles } from "./shared_files";
import type { RunTable } from "./wire";

const TABLE: RunTable = {
  total: 2, run_id: ["a", "b"], experiment_id: ["1", "2"], run_name: ["A", "B"], status: ["FINISHED", "FAILED"], lifecycle_stage: ["active", "active"],
  user_id: ["", ""], start_time: [1, 2], end_time: [2, 3], artifact_uri: ["", ""],
  metrics: { loss: [0.5, "NaN"], same: ["NaN", "NaN"] },
  params: { lr: ["0.1", "0.2"], batch: ["32", "32"], one: ["x", null] },
  tags: { "mlflow.source.git.commit": ["c1", "c2"], team: ["가", "가"], "mlflow.runName": ["A", "B"] },
};
const SHOWN = { search: "", all: true, order: "name", closed: new Set<string>() } as const;
const keys = (rows: ReturnType<typeof rowsOf>): string[] => rows.map((row) => (isHead(row) ? `# ${row.section} ${row.shown}/${row.of}` : row.key));

describe("lines", () => {
  test("one a key, in the order of the runs, with what differs", () => {
    const lines = linesOf(["b", "a"], TABLE, "last", undefined);
    const of = (key: string): Line | undefined => lines.find((line) => line.key === key);
    expect(of("lr")?.values).toEqual(["0.2", "0.1"]);
    expect(of("loss")?.values).toEqual([NaN, 0.5]);
    expect([of("loss")?.differs, of("same")?.differs, of("batch")?.differs, of("one")?.differs]).toEqual([true, false, false, true]);
    expect([of("mlflow.source.git.commit")?.section, of("team")?.section, of("mlflow.runName")]).toEqual(["code", "tags", undefined]);
  });

  test("other numbers of the metrics come from their own table, whatever its order", () => {
    const parts = { ...TABLE, run_id: ["b", "a"], metrics: { "loss.min": [1, 2], "same.min": [null, null] } } as RunTable;
    const lines = linesOf(["a", "b"], TABLE, "min", parts);
    expect(lines.find((line) => line.key === "loss")?.values).toEqual([2, 1]);
    expect(lines.some((line) => line.key === "same")).toBe(false);
    expect(partColumns(["loss", "val/acc"], "min")).toEqual(["metrics.`loss`.min", "metrics.`val/acc`.min"]);
  });

  test("packages by name; a run without an environment has none", () => {
    const lines = packageLines([new Map([["numpy", "1.26"]]), undefined]);
    expect(lines).toMatchObject([{ section: "packages", key: "numpy", values: ["1.26", null], differs: true }]);
  });
});

describe("rows", () => {
  const lines = linesOf(["a", "b"], TABLE, "last", undefined);
  test("sections with counts, and only what differs", () => {
    expect(keys(rowsOf(lines, { ...SHOWN, all: false }))).toEqual(["# params 2/3", "lr", "one", "# metrics 1/2", "loss", "# tags 0/1", "# code 1/1", "mlflow.source.git.commit"]);
  });
  test("a search, a closed section, another order", () => {
    expect(keys(rowsOf(lines, { ...SHOWN, search: "LR" }))[1]).toBe("lr");
    expect(keys(rowsOf(lines, { ...SHOWN, closed: new Set(["params"]) }))[1]).toBe("# metrics 2/2");
    expect(keys(rowsOf(lines, { ...SHOWN, order: "-name" })).slice(1, 4)).toEqual(["one", "lr", "batch"]);
    expect(keys(rowsOf(lines, { ...SHOWN, order: "difference" })).slice(1, 4)).toEqual(["lr", "one", "batch"]);
  });
  test("as CSV with names and ids of the runs", () => {
    expect(csvRows(rowsOf(lines, { ...SHOWN, search: "lr" }), [{ id: "a", name: "A" }, { id: "b", name: "B" }])).toEqual([
      ["section", "key", "A", "B"], ["", "run_id", "a", "b"], ["params", "lr", "0.1", "0.2"],
    ]);
  });
});

test.each<[Value, number | null]>([["1e-3", 0.001], [" 5 ", 5], [".5", 0.5], ["0x10", null], ["", null], ["nan", null], ["1 2", null], ["1e999", null], [null, null], [Infinity, Infinity]])(
  "%j as a number is %j", (value, number) => expect(numberOf(value)).toBe(number));

test("a distance is told of finite numbers that differ", () => {
  expect(deltaOf("0.5", 0.25)).toBe(0.25);
  expect([deltaOf(1, 1), deltaOf(NaN, 1), deltaOf(1, Infinity), deltaOf("a", 1), deltaOf(1e308, -1e308)]).toEqual([null, null, null, null, null]);
});

test("how much values differ", () => {
  expect(difference([1, 1])).toBe(0);
  expect(difference([-1, 1])).toBe(2);
  expect(difference([1, null])).toBe(0.5);
  expect(difference(["x", "y", "y"])).toBe(0.5);
  expect(difference([1e308, -1e308])).toBe(2);
});

test("runs in the order of a line's values: numbers, words, nothing", () => {
  const runs = ["a", "b", "c", "d", "e"];
  expect(orderByValue(runs, ["x", null, 3, "2", NaN], false)).toEqual(["d", "c", "a", "b", "e"]);
  expect(orderByValue(runs, ["x", null, 3, "2", NaN], true)).toEqual(["c", "d", "a", "b", "e"]);
  expect(movedRun(["a", "b", "c"], "c", "a")).toEqual(["c", "a", "b"]);
  expect(movedRun(["a", "b", "c"], "a", null)).toEqual(["b", "c", "a"]);
});

describe("the address", () => {
  test("keeps the state, and what charts keep beside it", () => {
    const state = { ...parseCompare(""), runs: ["a", "b"], baseline: "b", search: "lr & 가", all: true, order: "difference", part: "min", closed: ["tags"], tab: "artifacts", path: "a b/c.txt", charts: false } as const;
    const search = withCompare("?c.x=time&runs=old", { ...state, runs: [...state.runs], closed: [...state.closed] });
    expect(parseCompare(search)).toEqual({ ...state, experiments: [] });
    expect(search).toContain("c.x=time");
    expect(search).toContain("runs=a,b&");
  });
  test("runs come once, and not without end", () => {
    expect(parseCompare("?runs=a,b,a,,%20c").runs).toEqual(["a", "b", "c"]);
    expect(parseCompare(`?runs=${Array.from({ length: 500 }, (_, i) => i).join()}`).runs).toHaveLength(MOST_COMPARED);
    expect(comparePath(["a", "b"], ["7"])).toBe("/compare?runs=a,b&e=7");
  });
});

describe("requirements", () => {
  test("names are one whatever their spelling; comments, hashes and options are no packages", () => {
    const text = "# made by\nScikit_Learn==1.5.0  # pinned\nnumpy>=1.20,<2\ntorch==2.1.0+cpu\nuvicorn[standard]==0.30\n-r other.txt\n--index-url https://x\npip==24.0 \\\n  --hash=sha256:00\ngit+https://h/r.git@1\nbare\nx==1.*\n";
    expect([...parseRequirements(text)]).toEqual([
      ["scikit-learn", "1.5.0"], ["numpy", ">=1.20,<2"], ["torch", "2.1.0+cpu"], ["uvicorn", "[standard]0.30"], ["pip", "24.0"],
      ["git+https://h/r.git@1", ""], ["bare", ""], ["x", "==1.*"],
    ]);
  });
  test("the version of Python, and where models lie", () => {
    expect(pythonOf('build:\n- pip\npython: "3.11.7"\n')).toBe("3.11.7");
    expect(pythonOf("x: 1")).toBeNull();
    expect(modelPaths('[{"artifact_path":"a"},{"artifact_path":"b"},null,{"artifact_path":3}]')).toEqual(["b", "a"]);
    expect([modelPaths("{"), modelPaths(null), modelPaths("{}")]).toEqual([[], [], []]);
  });
});

test("files of several runs as one tree", () => {
  const file = (path: string, is_dir = false) => ({ path, is_dir, ...(is_dir ? {} : { file_size: "3" }) });
  const found = sharedFiles(new Map([["a", [file("x.txt"), file("d", true)]], ["b", [file("z.txt"), file("x.txt")]]]));
  expect(found.map((each) => [each.path, each.sizes.size])).toEqual([["d", 1], ["x.txt", 2], ["z.txt", 1]]);
  expect(found[1]?.sizes.get("b")).toBe(3);
});
