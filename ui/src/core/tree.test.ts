import { describe, expect, test } from "vitest";
import { matching, partsOf, treeRows } from "./tree";

const drawn = (names: string[], closed: string[] = []): string[] =>
  treeRows(names, names.map((_, at) => at), new Set(closed)).map((row) => {
    const what = row.kind === "folder" ? `${row.label}/ ${row.inside.length}${row.open ? "" : " …"}` : `${row.label} #${row.at}`;
    return ".".repeat(row.depth) + what;
  });

describe("experiments as folders", () => {
  test("folders come first, each by name, and count what is in them", () => {
    expect(drawn(["z", "team/b", "team/a", "team/sub/x", "team/sub/y", "a"])).toEqual([
      "team/ 4", ".sub/ 2", "..x #3", "..y #4", ".a #2", ".b #1", "a #5", "z #0",
    ]);
  });

  test("a closed folder shows nothing below it", () => {
    expect(drawn(["team/b", "team/a/1", "team/a/2", "c"], ["team"])).toEqual(["team/ 3 …", "c #3"]);
    expect(drawn(["team/b", "team/a/1", "team/a/2"], ["team/a"])).toEqual(["team/ 3", ".a/ 2 …", ".b #0"]);
  });

  test("one experiment makes no folder, and folders with nothing else are one", () => {
    expect(drawn(["team/vision/base", "other"])).toEqual(["other #1", "team/vision/base #0"]);
    expect(drawn(["a/b/c/x", "a/b/c/y"])).toEqual(["a/b/c/ 2", ".x #0", ".y #1"]);
    expect(drawn(["a/b/c/x", "a/b/c/y"], ["a/b/c"])).toEqual(["a/b/c/ 2 …"]);
  });

  test("an experiment may be called like a folder", () => {
    expect(drawn(["a", "a/x", "a/y"])).toEqual(["a/ 2", ".x #1", ".y #2", "a #0"]);
  });

  test("strange names lose nothing", () => {
    expect(partsOf("/Users/me/x")).toEqual(["Users", "me", "x"]);
    expect(["", "/", "//", " "].map(partsOf)).toEqual([[""], ["/"], ["//"], [" "]]);
    expect(drawn(["__proto__/a", "__proto__/b", "한글/하나", "한글/둘"])).toEqual([
      "__proto__/ 2", ".a #0", ".b #1", "한글/ 2", ".둘 #3", ".하나 #2",
    ]);
  });

  test("ten thousand experiments are laid out at once", () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `team ${i % 10}/project ${i % 500}/try ${i}`);
    expect(treeRows(names, names.map((_, at) => at), new Set())).toHaveLength(10 + 500 + 10_000);
  });
});

test("every word of a search is in the name, or the search is the id", () => {
  expect(matching(["Team/Vision", "team/text", "x"], ["1", "2", "37"], "team vis")).toEqual([0]);
  expect(matching(["Team/Vision", "team/text", "x"], ["1", "2", "37"], "37")).toEqual([2]);
  expect(matching(["a", "b"], ["1", "2"], "  ")).toEqual([0, 1]);
});
