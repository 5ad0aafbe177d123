/** Rows of a long list on a scrolling page: only those in sight are made. */

import { createEffect, createSignal, onCleanup, onMount, type Accessor } from "solid-js";
import { rowsInSight } from "../core/windowed";
import type { Span } from "../core/grid_layout";

export interface Windowed {
  span: Accessor<Span>;
  /** Scrolls the window as far as it takes to see a row. */
  reveal: (row: number) => void;
}

/** What sticks to the edges of the window: the bar above, on a phone the tabs below. */
const EDGES = 60;

export function windowed(list: Accessor<HTMLElement | undefined>, rowHeight: number, total: Accessor<number>): Windowed {
  const [span, setSpan] = createSignal<Span>({ first: 0, last: 0 }, { equals: (a, b) => a.first === b.first && a.last === b.last });
  const measure = (): void => {
    const element = list();
    if (element) setSpan(rowsInSight(element.getBoundingClientRect().top, innerHeight, rowHeight, total()));
  };
  onMount(() => {
    for (const event of ["scroll", "resize"]) addEventListener(event, measure, { passive: true });
    onCleanup(() => { for (const event of ["scroll", "resize"]) removeEventListener(event, measure); });
  });
  createEffect(() => { total(); list(); measure(); });
  return {
    span,
    reveal: (row) => {
      const element = list();
      if (!element) return;
      const top = element.getBoundingClientRect().top + row * rowHeight;
      if (top < EDGES) scrollBy(0, top - EDGES);
      else if (top + rowHeight > innerHeight - EDGES) scrollBy(0, top + rowHeight - innerHeight + EDGES);
    },
  };
}
