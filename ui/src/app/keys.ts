/** Keyboard: handlers of the page in front, and of the frame. Keys typed into a field are the field's, save Escape. */

import { onCleanup } from "solid-js";

type Handlers = Record<string, (event: KeyboardEvent) => void>;

/** How long the second key of two may be waited for, in ms. */
const PATIENCE = 1500;
/** What has keys of its own while it is open. */
const OWN_KEYS = ".dialog, .menu";

/**
 * Binds keys (`event.key`) for as long as the calling component lives; `g e` is two keys, one after the other.
 * Who binds first has a key first, and with `preventDefault` alone.
 */
export function bindKeys(handlers: Handlers): void {
  let first = "";
  let pressed = 0;
  const starts = new Set(Object.keys(handlers).filter((keys) => keys.length > 1 && keys.includes(" ")).map((keys) => keys.split(" ")[0]));
  const handle = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.target as HTMLElement;
    const typing = target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (typing && event.key !== "Escape") return;
    // A click beside the fields of a dialog leaves the focus nowhere, but the dialog is still what is in front.
    if (target.closest(OWN_KEYS) || document.querySelector("dialog[open]")) return;
    // Enter and space on a control belong to the control.
    if ((event.key === "Enter" || event.key === " ") && target.closest("a, button, summary, input")) return;
    const both = first && event.timeStamp - pressed < PATIENCE ? handlers[`${first} ${event.key}`] : undefined;
    first = starts.has(event.key) ? event.key : "";
    pressed = event.timeStamp;
    if (both) {
      first = "";
      event.preventDefault();
      both(event);
    } else handlers[event.key]?.(event);
  };
  document.addEventListener("keydown", handle);
  onCleanup(() => document.removeEventListener("keydown", handle));
}
