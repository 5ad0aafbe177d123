/** Which rows of a long list on a scrolling page are in sight. */

import { rowSpan, type Span } from "./grid_layout";

/** Rows made above and below those in sight. */
const SPARE = 8;

/** `top`: where the list begins, in pixels below the upper edge of the window; negative when scrolled past. */
export function rowsInSight(top: number, height: number, rowHeight: number, total: number): Span {
  const hidden = Math.max(0, -top);
  // What of the window is below the list's own beginning.
  const seen = Math.max(0, height - Math.max(0, top));
  return rowSpan(hidden, seen, rowHeight, total, SPARE);
}
