import { describe, expect, it } from "vitest";
import { placeBelow, placeBeside } from "./menu_place";

const VIEW = { width: 400, height: 300 };
const MENU = { width: 180, height: 100 };

describe("the place of a menu", () => {
  it("is below what opened it", () => {
    expect(placeBelow({ x: 20, y: 30, width: 60, height: 30 }, MENU, VIEW)).toEqual({ left: 20, top: 64, room: 228 });
  });
  it("is above it where there is no room below, and off the right edge", () => {
    expect(placeBelow({ x: 360, y: 250, width: 30, height: 30 }, MENU, VIEW)).toEqual({ left: 212, top: 146, room: 238 });
  });
  it("is where more room is when it fits nowhere, and no taller than that", () => {
    const tall = { width: 180, height: 290 };
    expect(placeBelow({ x: 20, y: 100, width: 60, height: 30 }, tall, VIEW)).toEqual({ left: 20, top: 134, room: 158 });
    expect(placeBelow({ x: 20, y: 200, width: 60, height: 30 }, tall, VIEW)).toEqual({ left: 20, top: 8, room: 188 });
  });
  it("is at a point, from which it is pushed into the window", () => {
    expect(placeBelow({ x: 50, y: 60, width: 0, height: 0 }, MENU, VIEW)).toMatchObject({ left: 50, top: 60 });
    expect(placeBelow({ x: 390, y: 290, width: 0, height: 0 }, MENU, VIEW)).toMatchObject({ left: 212, top: 190 });
    expect(placeBelow({ x: 50, y: 150, width: 0, height: 0 }, { width: 180, height: 280 }, VIEW)).toEqual({ left: 50, top: 12, room: 284 });
  });
  it("is beside the item of a sub-menu, on the side that has room", () => {
    expect(placeBeside({ x: 10, y: 40, width: 150, height: 28 }, MENU, VIEW)).toMatchObject({ left: 164, top: 35 });
    expect(placeBeside({ x: 200, y: 280, width: 150, height: 28 }, MENU, VIEW)).toMatchObject({ left: 16, top: 192 });
    expect(placeBeside({ x: 100, y: 40, width: 180, height: 28 }, MENU, VIEW)).toMatchObject({ left: 212, top: 35 });
  });
});
