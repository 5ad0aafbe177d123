import { describe, expect, test } from "vitest";
import { exactMoment, exactNumber, formatBytes, formatDuration, formatMoment, formatNumber, formatTick, setZone } from "./format";

describe("formatNumber", () => {
  test.each([
    [0.1234567, "0.12346"],
    [123456.789, "123460"],
    [-1.5, "−1.5"],
    [42, "42"],
    [1234567, "1234567"],
    [12345678, "1.2346e7"],
    [0.00001234567, "1.2346e-5"],
    [0, "0"],
    [NaN, "NaN"],
    [Infinity, "∞"],
    [-Infinity, "−∞"],
    [null, ""],
  ])("%s is shown as %s", (value, text) => expect(formatNumber(value)).toBe(text));

  test("the exact value keeps every digit", () => expect(exactNumber(0.1 + 0.2)).toBe("0.30000000000000004"));
});

describe("formatDuration", () => {
  test.each([
    [12, "12ms"],
    [1234, "1.2s"],
    [59_999, "59.9s"],
    [61_000, "1m 1s"],
    [3_600_000, "1h 0m"],
    [90_000_000, "1d 1h"],
    [-5, "0ms"],
    [null, ""],
  ])("%s ms is %s", (ms, text) => expect(formatDuration(ms)).toBe(text));
});

test("sizes are in binary units", () => {
  expect([0, 1023, 1024, 1536, 5 * 1024 ** 3].map(formatBytes)).toEqual(["0 B", "1023 B", "1 KiB", "1.5 KiB", "5 GiB"]);
});

test("marks of a time axis are as short as their spread allows", () => {
  const at = new Date(2026, 4, 7, 15, 4, 5, 60).getTime();
  const spreads = [1000, 60_000, 86_400_000, 10 * 86_400_000, 400 * 86_400_000];
  expect(spreads.map((spread) => formatTick(at, spread))).toEqual(["15:04:05.060", "15:04:05", "05-07 15:04", "05-07", "2026-05-07"]);
});

test("a moment of today shows its time, one of another year its date", () => {
  const now = new Date(2026, 4, 17, 15, 4, 5).getTime();
  expect(formatMoment(now, "en", now)).toBe("15:04:05");
  expect(formatMoment(new Date(2024, 0, 2).getTime(), "ko", now)).toContain("2024");
});

test("moments are told in the zone that the reader chose", () => {
  const at = Date.UTC(2026, 4, 7, 23, 30);
  setZone("utc");
  try {
    expect(formatMoment(at, "en", at)).toBe("23:30:00");
    expect(formatMoment(at, "en", at + 3_600_000)).toContain("May 7");
    expect(exactMoment(at, "en")).toMatch(/May 7, 2026.*23:30:00 UTC/);
    expect(exactMoment(at, "ko")).toMatch(/23시 30분 0초|23:30:00/);
    expect(formatTick(at, 1000)).toBe("23:30:00.000");
  } finally {
    setZone("local");
  }
});

test("a time beyond all calendars is a number", () => {
  expect([exactMoment(2 ** 62, "en"), formatMoment(-(2 ** 62), "ko", 0)]).toEqual(["4611686018427388000", "-4611686018427388000"]);
});
