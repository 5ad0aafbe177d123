/**
 * Menus that open at any element: `openMenu(button, items)`. There is one menu on the page, so that tables with
 * thousands of cells need no menu each; its code loads with the first one opened.
 */

import { createSignal } from "solid-js";

export interface MenuItem {
  label: string;
  run?: () => void;
  /** Given: the item is a switch, and this is how it stands. */
  checked?: boolean;
  disabled?: boolean;
  danger?: boolean;
  /** A spot of this colour before the label. */
  color?: string;
  /** What else does the same, such as `Alt+←`. */
  keys?: string;
  /** The menu stays open, for the next of several choices; then `checked` is read anew. */
  stays?: boolean;
  /** A menu of its own; then there is no `run`. */
  items?: MenuItem[];
}

/** Items, with `null` where a line goes. */
export type MenuItems = (MenuItem | null)[];

export interface OpenMenu {
  anchor: HTMLElement;
  items: MenuItems;
  /** Where to open instead of at the anchor, as for a right click. */
  point?: { x: number; y: number } | undefined;
}

const [menu, setMenu] = createSignal<OpenMenu | null>(null);

export { menu };

/** Opens a menu at `anchor`, which gets the focus back when it closes. */
export function openMenu(anchor: HTMLElement, items: MenuItems, point?: OpenMenu["point"]): void {
  // The button of a menu that is open closes it.
  const now = menu();
  setMenu(!point && now && !now.point && now.anchor === anchor ? null : { anchor, items, point });
}

export function closeMenu(): void {
  setMenu(null);
}
