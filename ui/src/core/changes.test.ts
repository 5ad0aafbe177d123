import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { changesAddress, Pacer, readChange } from "./changes";

describe("what the server tells", () => {
  it("is asked for by experiment, by run, or all of it", () => {
    expect(changesAddress({})).toBe("api/ui/changes");
    expect(changesAddress({ experiment: "7" })).toBe("api/ui/changes?experiment_id=7");
    expect(changesAddress({ run: "a b" })).toBe("api/ui/changes?run_id=a+b");
    expect(changesAddress({ points: false })).toBe("api/ui/changes?points=false");
  });

  it("is read, and what is no change is none", () => {
    expect(readChange('{"kind":"points","experiment_id":"0","run_id":"r","points":{"손실":3}}')?.points).toEqual({ 손실: 3 });
    for (const text of ["", "{}", "null", "[1]", '{"kind":3,"experiment_id":"0"}', '{"kind":"points"']) expect(readChange(text)).toBeNull();
  });
});

describe("Pacer", () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it("works at once, then not before its pace, and once for many calls", async () => {
    const work = vi.fn(async () => undefined);
    const pacer = new Pacer(work, 1000);
    for (let i = 0; i < 50; i++) pacer.call();
    await vi.advanceTimersByTimeAsync(0);
    expect(work).toHaveBeenCalledTimes(1);
    for (let i = 0; i < 50; i++) pacer.call();
    await vi.advanceTimersByTimeAsync(900);
    expect(work).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(work).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it("forgets no call that comes while it works", async () => {
    const ends: (() => void)[] = [];
    const work = vi.fn(() => new Promise<void>((end) => ends.push(end)));
    const pacer = new Pacer(work, 10);
    pacer.call();
    await vi.advanceTimersByTimeAsync(0);
    pacer.call();
    await vi.advanceTimersByTimeAsync(100);
    expect(work).toHaveBeenCalledTimes(1);
    ends[0]?.();
    await vi.advanceTimersByTimeAsync(10);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it("does failed work again, later and later, and none once it has ended", async () => {
    const work = vi.fn(async () => { throw new Error("no"); });
    const pacer = new Pacer(work, 100);
    pacer.call();
    await vi.advanceTimersByTimeAsync(0);
    expect(work).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(199);
    expect(work).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(work).toHaveBeenCalledTimes(2);
    pacer.end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(work).toHaveBeenCalledTimes(2);
  });
});
