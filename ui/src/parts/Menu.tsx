/** The open menu, by the menu pattern of WAI-ARIA: arrows, Home, End, letters, Escape, focus back to where it was. */

import { onCleanup, onMount, type JSX } from "solid-js";
import { Portal } from "solid-js/web";
import { closeMenu, type OpenMenu } from "./menu";
import { MenuLayer } from "./MenuLayer";
import { placeBelow, type Box } from "./menu_place";
import "./parts.css";

export function Menu(props: { open: OpenMenu }): JSX.Element {
  const { anchor, point, items } = props.open;
  const before = document.activeElement;
  // A row that is right-clicked is not what expands: on a folder that says whether the folder is open.
  const button = point || !anchor.matches("button, [aria-haspopup]") ? null : anchor;
  let open = true;
  let layers!: HTMLDivElement;
  const close = (): void => {
    if (!open) return;
    open = false;
    // First of all: what an item does then may move the focus on purpose, and a dialog gives it back to here.
    anchor.focus({ preventScroll: true });
    if (layers.contains(document.activeElement) || document.activeElement === document.body) (before as HTMLElement | null)?.focus({ preventScroll: true });
    closeMenu();
  };
  const outside = (target: EventTarget | null): boolean => !layers.contains(target as Node) && !button?.contains(target as Node);
  const pressed = (event: Event): void => { if (outside(event.target)) close(); };
  // The focus went elsewhere, where it is to stay.
  const left = (event: Event): void => { if (open && outside(event.target)) { open = false; closeMenu(); } };
  onMount(() => {
    button?.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", pressed, true);
    document.addEventListener("focusin", left);
  });
  onCleanup(() => {
    if (document.activeElement === document.body) anchor.focus({ preventScroll: true });
    button?.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", pressed, true);
    document.removeEventListener("focusin", left);
  });
  const box = (): Box => (point ? { ...point, width: 0, height: 0 } : anchor.getBoundingClientRect());
  return (
    // What is outside of an open dialog can be neither seen nor reached.
    <Portal mount={anchor.closest("dialog") ?? document.body} ref={(made) => (layers = made)}>
      <MenuLayer items={items} label={button ? button.getAttribute("aria-label") ?? button.innerText : undefined} box={box} place={placeBelow} enter
        onClose={close} onBack={close} />
    </Portal>
  );
}
