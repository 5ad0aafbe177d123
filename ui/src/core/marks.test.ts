import { describe, expect, test } from "vitest";
import { PALETTE } from "./color";
import { colorOf, formatMarks, isVisible, MOST_MARKS, NO_MARKS, parseMarks, withAll, withColor, withDistinct, withOnly, withVisible } from "./marks";

describe("colours", () => {
  test("an id has one colour, that of the same place in both themes", () => {
    const light = colorOf(NO_MARKS, "0c1f", "light");
    expect(light).toBe(colorOf(NO_MARKS, "0c1f", "light"));
    const place = (PALETTE.light as readonly string[]).indexOf(light);
    expect(place).toBeGreaterThanOrEqual(0);
    expect(colorOf(NO_MARKS, "0c1f", "dark")).toBe(PALETTE.dark[place]);
  });

  test("many ids use the whole palette", () => {
    expect(new Set(Array.from({ length: 400 }, (_, i) => colorOf(NO_MARKS, `run-${i}`, "dark"))).size).toBe(PALETTE.dark.length);
  });

  test("a chosen colour of the palette follows the theme, another stays, null gives the own one back", () => {
    const chosen = withColor(NO_MARKS, "a", PALETTE.dark[3].toUpperCase());
    expect(colorOf(chosen, "a", "light")).toBe(PALETTE.light[3]);
    const free = withColor(chosen, "a", "#123456");
    expect(colorOf(free, "a", "light")).toBe("#123456");
    expect(colorOf(free, "a", "dark")).toBe("#123456");
    expect(withColor(free, "a", null)).toEqual(NO_MARKS);
  });

  test("runs shown together differ, and keep their colours in whatever order and company they are seen", () => {
    const runs = Array.from({ length: 30 }, (_, i) => `run-${i}`);
    const seen = (marks: typeof NO_MARKS, some: string[]): Map<string, string> => new Map(some.map((run) => [run, colorOf(marks, run, "light")]));
    const ten = runs.slice(0, 10);
    const first = withDistinct(NO_MARKS, ten);
    expect(new Set(seen(first, ten).values()).size).toBe(10);
    expect(colorOf(first, "run-0", "light")).toBe(colorOf(NO_MARKS, "run-0", "light"));
    const turned = withDistinct(first, [...ten].reverse());
    expect(turned).toBe(first);
    const mixed = [...runs.slice(0, 5), ...runs.slice(20, 25)];
    const both = withDistinct(first, mixed);
    expect(new Set(seen(both, mixed).values()).size).toBe(10);
    expect(seen(both, ten)).toEqual(seen(first, ten));
    expect(parseMarks(formatMarks(both))).toEqual(both);
  });

  test("a chosen colour is nobody else's, and more runs than colours change nothing for the first ones", () => {
    const runs = Array.from({ length: 14 }, (_, i) => `r${i}`);
    const red = withColor(NO_MARKS, "r3", colorOf(NO_MARKS, "r0", "dark"));
    const marks = withDistinct(red, runs);
    expect(colorOf(marks, "r3", "dark")).toBe(colorOf(NO_MARKS, "r0", "dark"));
    expect(new Set(runs.slice(0, 10).map((run) => colorOf(marks, run, "dark"))).size).toBe(10);
    expect(marks.places.has("r12")).toBe(false);
  });

  test("what is no colour changes nothing", () => {
    expect(withColor(NO_MARKS, "a", "url(x)")).toEqual(NO_MARKS);
  });
});

describe("visibility", () => {
  test("hiding and showing", () => {
    const hidden = withVisible(NO_MARKS, ["a", "b"], false);
    expect(["a", "b", "c"].map((run) => isVisible(hidden, run))).toEqual([false, false, true]);
    expect(isVisible(withVisible(hidden, ["a"], true), "a")).toBe(true);
  });

  test("only some: runs that come later stay hidden, until all show", () => {
    const only = withOnly(NO_MARKS, ["a"]);
    expect(["a", "later"].map((run) => isVisible(only, run))).toEqual([true, false]);
    expect(isVisible(withVisible(only, ["later"], true), "later")).toBe(true);
    expect(isVisible(withAll(only), "later")).toBe(true);
  });
});

describe("remembering", () => {
  test("what was chosen comes back", () => {
    const marks = withColor(withVisible(withColor(NO_MARKS, "a", "#123456"), ["실행"], false), "b", PALETTE.light[9]);
    expect(parseMarks(formatMarks(marks))).toEqual(marks);
    expect(formatMarks(NO_MARKS)).toBe("");
  });

  test("damaged or foreign texts count as nothing chosen", () => {
    for (const text of [null, "", "{", "null", "7", '{"colors":{"a":"red;background:url(x)","b":99,"c":{}},"places":{"a":-1,"b":"1"},"except":"a"}']) {
      expect(parseMarks(text)).toEqual(NO_MARKS);
    }
  });

  test("only so many are kept, the newest", () => {
    const all = Array.from({ length: MOST_MARKS + 10 }, (_, i) => `r${i}`);
    const kept = parseMarks(formatMarks(withVisible(NO_MARKS, all, false)));
    expect(kept.except.size).toBe(MOST_MARKS);
    expect(isVisible(kept, "r0")).toBe(true);
    expect(isVisible(kept, `r${MOST_MARKS + 9}`)).toBe(false);
  });
});
