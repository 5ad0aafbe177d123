/** Which rows and columns of a large grid are in sight, and where each drawn row element goes. */

export interface Span {
  first: number;
  /** Not included. */
  last: number;
}

/** Rows in sight with `spare` more on both sides. */
export function rowSpan(scrollTop: number, height: number, rowHeight: number, total: number, spare: number): Span {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - spare);
  const last = Math.min(total, Math.ceil((scrollTop + height) / rowHeight) + spare);
  return { first: Math.min(first, last), last };
}

/** Left edges of columns, with the whole width at the end. */
export function edges(widths: readonly number[]): number[] {
  const all = [0];
  for (const width of widths) all.push((all[all.length - 1] ?? 0) + width);
  return all;
}

/** Columns that a stretch from `left` of `width` touches. */
export function columnSpan(at: readonly number[], left: number, width: number): Span {
  const count = at.length - 1;
  let first = 0;
  while (first < count - 1 && (at[first + 1] ?? 0) <= left) first += 1;
  let last = first;
  while (last < count && (at[last] ?? 0) < left + width) last += 1;
  return { first: Math.min(first, Math.max(0, count)), last: Math.max(last, Math.min(first, count)) };
}

/**
 * The row that element `slot` of a pool draws: elements keep their row while it stays in sight, so scrolling by
 * one row changes one element. Null when the pool is larger than the span.
 */
export function rowOfSlot(slot: number, pool: number, span: Span): number | null {
  const row = span.first + ((((slot - span.first) % pool) + pool) % pool);
  return row < span.last ? row : null;
}

/** The scroll position that brings a row into sight with the least movement. */
export function scrollTo(row: number, scrollTop: number, height: number, rowHeight: number): number {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  const bottom = top + rowHeight;
  return bottom > scrollTop + height ? bottom - height : scrollTop;
}

/** Before which column something falls that is let go at `x`; the number of columns for the end. */
export function placeAt(at: readonly number[], x: number): number {
  const count = at.length - 1;
  let place = 0;
  while (place < count && x > ((at[place] ?? 0) + (at[place + 1] ?? 0)) / 2) place += 1;
  return place;
}
