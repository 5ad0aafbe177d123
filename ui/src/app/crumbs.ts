/** The trail in the top bar and the title of the browser tab; the page in front sets both. */

import { createEffect, createSignal, onCleanup } from "solid-js";

export interface Crumb {
  label: string;
  to?: string;
}

const [crumbs, setCrumbs] = createSignal<Crumb[]>([]);

export { crumbs };

/** Shows this trail while the calling component lives. */
export function showCrumbs(trail: () => Crumb[]): void {
  createEffect(() => {
    const now = trail();
    setCrumbs(now);
    const last = now.at(-1)?.label;
    document.title = last ? `${last} · Millstream` : "Millstream";
  });
  onCleanup(() => setCrumbs([]));
}
