/** A cell of a pooled row: one element and one effect, as a table in sight has hundreds of them. */

import { createRenderEffect, type Accessor } from "solid-js";
import type { Cell, Column } from "../core/columns";
import type { RowPlace } from "../core/run_window";
import { cellOf, groupCell } from "./cells";

const NOTHING: Cell = { text: "", title: "" };

export interface CellRow {
  place: Accessor<RowPlace | undefined>;
  widthOf: (column: Column) => number;
  now: Accessor<number>;
}

/** `className` and `index` hold for the life of the cell, whichever rows it shows. */
export function makeCell({ place, widthOf, now }: CellRow, column: Column, className: string, index: number): HTMLElement {
  const element = document.createElement("div");
  element.className = className;
  element.setAttribute("role", "gridcell");
  element.setAttribute("aria-colindex", String(index));
  element.dataset.cell = column.id;
  const text = element.appendChild(document.createTextNode(""));
  createRenderEffect((before: number) => {
    const width = widthOf(column);
    if (width !== before) element.style.width = `${width}px`;
    return width;
  }, NaN);
  createRenderEffect((before: Cell) => {
    const cell = contentOf(place(), column, now);
    if (cell.title !== before.title) element.title = cell.title;
    if (cell.more !== undefined) element.replaceChildren(pairOf(cell.text, cell.more));
    else {
      if (before.more !== undefined) element.replaceChildren(text);
      if (text.data !== cell.text) text.data = cell.text;
    }
    return cell;
  }, NOTHING);
  return element;
}

function contentOf(place: RowPlace | undefined, column: Column, now: Accessor<number>): Cell {
  if (!place) return NOTHING;
  if (place.group) return groupCell(place.group, column);
  // Only times change with the clock.
  return cellOf(place, column, column.kind === "attribute" ? now() : 0);
}

/** A text, and what stands behind it where there is room for all of that. */
function pairOf(text: string, more: string): HTMLElement {
  const pair = document.createElement("span");
  pair.className = "pair";
  const [first, second] = [document.createElement("span"), document.createElement("span")];
  first.className = "text";
  second.className = "more";
  first.textContent = text;
  second.textContent = more;
  pair.append(first, " ", second);
  return pair;
}
