import { describe, expect, test } from "vitest";
import { forAll } from "./bulk";

const ids = Array.from({ length: 25 }, (_, i) => `r${i}`);

describe("one thing done to many", () => {
  test("all are done once, few at a time, in lots", async () => {
    let [busy, most] = [0, 0];
    const seen: string[] = [];
    const told: number[] = [];
    const outcome = await forAll(ids, async (lot) => {
      most = Math.max(most, ++busy);
      await Promise.resolve();
      seen.push(...lot);
      busy -= 1;
    }, { size: 4, atOnce: 3, told: (done) => told.push(done) });
    expect([...seen].sort()).toEqual([...ids].sort());
    expect([...outcome.done].sort()).toEqual([...ids].sort());
    expect(most).toBe(3);
    expect(told.at(-1)).toBe(25);
  });

  test("failures are told apart and end nothing", async () => {
    const outcome = await forAll(ids, ([id]) => (id === "r3" || id === "r9" ? Promise.reject(new Error(id)) : Promise.resolve()), { atOnce: 1 });
    expect(outcome.failed).toEqual(["r3", "r9"]);
    expect(outcome.done).toHaveLength(23);
    expect((outcome.failure as Error).message).toBe("r3");
  });

  test("it can be ended", async () => {
    const stop = new AbortController();
    const outcome = await forAll(ids, () => Promise.resolve(), { atOnce: 1, signal: stop.signal, told: (done) => { if (done === 5) stop.abort(); } });
    expect(outcome.done).toHaveLength(5);
  });
});
