import { describe, expect, test } from "vitest";
import { assignColors, contrast, PALETTE } from "./color";
import { byName } from "./order";

test("names are ordered by the numbers in them", () => {
  expect(["m10", "m2", "M1", "가", "a"].sort(byName).slice(0, 4)).toEqual(["a", "M1", "m2", "m10"]);
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
