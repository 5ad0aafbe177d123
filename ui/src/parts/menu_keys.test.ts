import { describe, expect, it } from "vitest";
import { typeAhead } from "./menu_keys";

const LABELS = ["Copy run id", "Copy link", "Colour", "Open", "한 번"];
const press = (key: string, timeStamp: number): KeyboardEvent => ({ key, timeStamp }) as KeyboardEvent;

describe("letters typed in a menu", () => {
  it("go to the next item that begins with one, and round", () => {
    const ahead = typeAhead();
    expect(ahead(press("c", 0), LABELS, 0)).toBe(1);
    expect(ahead(press("c", 100), LABELS, 1)).toBe(2);
    expect(ahead(press("C", 200), LABELS, 2)).toBe(0);
    expect(ahead(press("한", 5000), LABELS, 0)).toBe(4);
  });
  it("are one text while they come soon enough, spaces too", () => {
    const ahead = typeAhead();
    expect(ahead(press("c", 0), LABELS, 3)).toBe(0);
    expect(ahead(press("o", 100), LABELS, 0)).toBe(0);
    expect(ahead(press("l", 200), LABELS, 0)).toBe(2);
    expect(ahead(press("o", 2000), LABELS, 2)).toBe(3);
    const again = typeAhead();
    [..."copy"].forEach((letter, i) => again(press(letter, i * 100), LABELS, 0));
    expect(again(press(" ", 400), LABELS, 0)).toBe(0);
    expect(again(press("l", 500), LABELS, 0)).toBe(1);
  });
  it("stay where nothing begins so, and leave other keys alone", () => {
    const ahead = typeAhead();
    expect(ahead(press(" ", 0), LABELS, 2)).toBeNull();
    expect(ahead(press("ArrowDown", 0), LABELS, 2)).toBeNull();
    expect(ahead(press("z", 0), LABELS, 2)).toBe(2);
  });
});
