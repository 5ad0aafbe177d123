import { describe, expect, test } from "vitest";
import { appPath, basePath, browserPath, fromOldHash, withQuery } from "./base";
import { matchRoute, runPath } from "./router";
import {
  canGroup, EMPTY_STATE, formatLayout, formatState, hasNoLayout, nextSort, orderBy, parseState, quickClauses, withSort, type TableState,
} from "./url_state";

describe("below any prefix", () => {
  test.each([
    ["http://h:5000/", "/"],
    ["http://h/lab/ms/", "/lab/ms/"],
    ["http://h/lab/ms/index.html?x=1", "/lab/ms/"],
  ])("the base of %s is %s", (uri, base) => expect(basePath(uri)).toBe(base));

  test("app and browser paths are each other's inverse", () => {
    expect(appPath("/lab/", "/lab/e/0")).toBe("/e/0");
    expect(browserPath("/lab/", "/e/0")).toBe("/lab/e/0");
    expect(appPath("/lab/", "/elsewhere")).toBe("/");
  });
});

test("links of MLflow's interface lead to the same run", () => {
  expect(fromOldHash("#/experiments/0/runs/abc")).toBe("/r/abc");
  expect(fromOldHash("#/experiments/12?x=1")).toBe("/e/12");
  expect(fromOldHash("#top")).toBeNull();
});

describe("routes", () => {
  test.each([
    ["/", { page: "experiments" }],
    ["/e/0", { page: "runs", experiment: "0" }],
    ["/e/0/runs", { page: "runs", experiment: "0" }],
    ["/r/abc", { page: "run", run: "abc", tab: "overview" }],
    ["/r/abc/metrics", { page: "run", run: "abc", tab: "metrics" }],
    ["/r/abc/nope", { page: "missing", path: "/r/abc/nope" }],
    ["/compare", { page: "compare" }],
    ["/models", { page: "models" }],
    ["/models/%EB%AA%A8%EB%8D%B8%20a%2Fb%25", { page: "model", model: "모델 a/b%" }],
    ["/models/x/v/12", { page: "version", model: "x", version: "12" }],
    ["/models/x/v/0", { page: "missing", path: "/models/x/v/0" }],
    ["/models/x/1", { page: "missing", path: "/models/x/1" }],
    ["/e", { page: "missing", path: "/e" }],
    ["/%E0%A4%A", { page: "missing", path: "/%E0%A4%A" }],
  ])("%s", (path, route) => expect(matchRoute(path)).toEqual(route));

  test("a file's path goes into the query, whatever it holds", () => {
    const address = runPath("abc", "artifacts", "모델/a b&c.txt");
    expect(new URL(address, "http://h").searchParams.get("path")).toBe("모델/a b&c.txt");
  });
});

describe("state of the table in the address", () => {
  test.each<Partial<TableState>>([
    {},
    { filter: "metrics.`a b` < 1 and params.x = '한글'" },
    { sort: [{ column: "m:val/acc", descending: true }, { column: "min:a b", descending: false }] },
    { sort: [{ column: "name", descending: false }], view: "DELETED_ONLY" },
    { columns: ["status", "p:a,b", "m:x y"] },
    { columns: [] },
    { metric: "" },
    { status: ["FAILED", "KILLED"], since: "7d" },
    { pinned: ["m:a~b", "status"], widths: { name: 300, "max:val/acc~1": 99 } },
    { group: ["p:lr", "t:팀 이름", "user_id"], open: ['["0.1",null]', "0af3"], flat: true },
  ])("survives %j", (part) => {
    const state = { ...EMPTY_STATE, ...part };
    expect(parseState(formatState(state))).toEqual(state);
  });

  test("an empty state leaves no trace", () => expect(formatState(EMPTY_STATE)).toBe(""));

  test("nonsense is left out", () => {
    expect(parseState("?sort=zzz&col=nope&col=m:loss&view=x")).toEqual({ ...EMPTY_STATE, columns: ["m:loss"] });
  });

  test("keys that are no plain words are quoted for the server", () => {
    expect(orderBy([{ column: "m:val/acc", descending: true }])).toEqual(["metrics.`val/acc` DESC"]);
    expect(orderBy([{ column: "p:lr", descending: false }])).toEqual(["params.lr ASC"]);
    expect(orderBy([{ column: "p:lr", descending: true }, { column: "min:loss", descending: false }], new Set(["lr"]))).toEqual([
      "number(params.lr) DESC", "metrics.`loss`.min ASC",
    ]);
    expect(orderBy([{ column: "name", descending: false }])).toEqual(["attributes.run_name ASC"]);
    expect(orderBy([])).toEqual([]);
  });

  test("clicks go up, down, none", () => {
    const up = nextSort([], "m:a");
    const down = nextSort(up, "m:a");
    expect([up, down, nextSort(down, "m:a")]).toEqual([[{ column: "m:a", descending: false }], [{ column: "m:a", descending: true }], []]);
    expect(nextSort(down, "m:b")).toEqual([{ column: "m:b", descending: false }]);
  });

  test("with Shift a column joins the others, turns, and leaves them", () => {
    const one = nextSort([], "m:a");
    const two = nextSort(one, "p:b", true);
    expect(two.map((each) => each.column)).toEqual(["m:a", "p:b"]);
    const turned = nextSort(two, "m:a", true);
    expect(turned.map((each) => each.descending)).toEqual([true, false]);
    expect(nextSort(turned, "m:a", true)).toEqual([{ column: "p:b", descending: false }]);
    expect(withSort(two, "m:a", true, true)).toEqual(turned);
    expect(withSort(two, "name", false)).toEqual([{ column: "name", descending: false }]);
  });

  test("only what tells runs apart by few values makes groups", () => {
    expect(["p:lr", "t:x", "status", "user_id"].every(canGroup)).toBe(true);
    expect(["m:loss", "start_time", "run_id", "nope"].some(canGroup)).toBe(false);
    expect(parseState("?group=m:loss&group=p:lr&w=p:lr~5&w=zzz~100&w=status~x").group).toEqual(["p:lr"]);
    expect(parseState("?w=p:lr~5&w=zzz~100&w=status~x").widths).toEqual({});
  });

  test("status and time are clauses", () => {
    expect(quickClauses({ status: ["FAILED", "KILLED"], since: "1h" }, 3_600_005)).toEqual([
      "(attributes.status = 'FAILED' OR attributes.status = 'KILLED')", "attributes.start_time >= 5",
    ]);
    expect(quickClauses(EMPTY_STATE, 7)).toEqual([]);
    expect(parseState("?status=NOPE&since=9y")).toEqual(EMPTY_STATE);
  });

  test("a layout is remembered by itself", () => {
    const state = { ...EMPTY_STATE, columns: ["m:a"], pinned: ["m:a"], widths: { "m:a": 80 }, filter: "x" };
    expect(hasNoLayout(state)).toBe(false);
    expect(parseState(formatLayout(state))).toEqual({ ...state, filter: "" });
    expect(hasNoLayout(parseState(formatLayout(EMPTY_STATE)))).toBe(true);
  });
});

test("queries leave out what is not given", () => expect(withQuery("a", { x: "1 2", y: undefined })).toBe("a?x=1+2"));
