/** Arrow keys in a tree, as the ARIA practices for trees want them. */

const items = (tree: HTMLElement): HTMLElement[] => [...tree.querySelectorAll<HTMLElement>("[role=treeitem]")];

/** Handles a key in a tree whose items are links; closed items open at the event `toggle-folder`. */
export function walkTree(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const all = items(event.currentTarget);
  const here = all.indexOf((event.target as HTMLElement).closest<HTMLElement>("[role=treeitem]") as HTMLElement);
  const item = all[here];
  if (!item) return;
  const move = (to: number): void => all[Math.max(0, Math.min(all.length - 1, to))]?.focus();
  const expanded = item.getAttribute("aria-expanded");
  const level = Number(item.getAttribute("aria-level"));
  const acts: Record<string, () => void> = {
    ArrowDown: () => move(here + 1),
    ArrowUp: () => move(here - 1),
    Home: () => move(0),
    End: () => move(all.length - 1),
    ArrowRight: () => {
      if (expanded === "false") item.dispatchEvent(new CustomEvent("toggle-folder"));
      else if (expanded === "true") move(here + 1);
    },
    ArrowLeft: () => {
      if (expanded === "true") item.dispatchEvent(new CustomEvent("toggle-folder"));
      else for (let up = here - 1; up >= 0; up--) {
        if (Number(all[up]?.getAttribute("aria-level")) < level) return move(up);
      }
    },
    " ": () => item.click(),
  };
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}
