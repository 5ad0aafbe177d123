/** Where a menu goes: beside what opened it, within the window. */

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Size {
  width: number;
  height: number;
}

export interface Place {
  left: number;
  top: number;
  /** What of the menu the window has room for; the rest is scrolled. */
  room: number;
}

/** Pixels to the edges of the window. */
const MARGIN = 8;
/** Pixels between a menu and what opened it. */
const GAP = 4;
/** A menu's border and inner space: the first item of a sub-menu stands level with the item that opened it. */
const INSET = 5;

const within = (wanted: number, size: number, whole: number): number => Math.max(MARGIN, Math.min(wanted, whole - MARGIN - size));

/** Below a box, else above it, else where more room is; a box without height is a point, which a menu may cover. */
export function placeBelow(box: Box, menu: Size, view: Size): Place {
  const gap = box.height ? GAP : 0;
  const below = view.height - MARGIN - gap - box.y - box.height;
  const above = box.y - gap - MARGIN;
  const left = within(box.x, menu.width, view.width);
  if (menu.height <= below) return { left, top: box.y + box.height + gap, room: below };
  if (menu.height <= above) return { left, top: box.y - gap - menu.height, room: above };
  if (!box.height) return { left, top: within(box.y, menu.height, view.height), room: view.height - 2 * MARGIN };
  if (below >= above) return { left, top: box.y + box.height + gap, room: below };
  return { left, top: MARGIN, room: above };
}

/** To the right of an item, else to its left, else as far to the right as the window goes. */
export function placeBeside(item: Box, menu: Size, view: Size): Place {
  const right = item.x + item.width + GAP;
  const left = item.x - GAP - menu.width;
  const fits = right + menu.width <= view.width - MARGIN || left < MARGIN;
  return {
    left: within(fits ? right : left, menu.width, view.width),
    top: within(item.y - INSET, menu.height, view.height),
    room: view.height - 2 * MARGIN,
  };
}
