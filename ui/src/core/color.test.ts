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

  // How colours look to who lacks one of three kinds of cones (Machado, Oliveira and Fernandes, 2009, severity 1), on linear RGB.
  test.each([
    ["all cones", [1, 0, 0, 0, 1, 0, 0, 0, 1], 0.12],
    ["no red", [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998], 0.07],
    ["no green", [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881], 0.07],
    ["no blue", [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039], 0.07],
  ] as const)("with %s any two colours are told apart", (_, seen, least) => {
    for (const palette of [PALETTE.light, PALETTE.dark]) {
      const colors = palette.map((color) => oklab(through(seen, linear(color))));
      for (const [i, a] of colors.entries()) for (const b of colors.slice(i + 1)) expect(Math.hypot(...a.map((value, at) => value - (b[at] ?? 0)))).toBeGreaterThan(least);
    }
  });

  test.each([["light", "#ffffff"], ["light", "#f7f8fa"], ["dark", "#1b1e24"], ["dark", "#14161a"]] as const)("%s colours stand out from %s", (theme, page) => {
    for (const color of PALETTE[theme]) expect(contrast(color, page), color).toBeGreaterThanOrEqual(3);
  });
});

function linear(color: string): number[] {
  return [1, 3, 5].map((at) => { const value = parseInt(color.slice(at, at + 2), 16) / 255; return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; });
}

function through(matrix: readonly number[], color: readonly number[]): number[] {
  return [0, 3, 6].map((row) => Math.max(0, color.reduce((sum, value, at) => sum + value * (matrix[row + at] ?? 0), 0)));
}

/** Ottosson's Oklab, in which equal distances look about equal. */
function oklab([r = 0, g = 0, b = 0]: number[]): number[] {
  const [l, m, s] = [
    Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b), Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b),
    Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b),
  ];
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}
