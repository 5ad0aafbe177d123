/** Keyboard: one handler for the page in front. Keys typed into a field are the field's, save Escape. */

import { onCleanup } from "solid-js";

type Handlers = Record<string, (event: KeyboardEvent) => void>;

/** Binds keys (`event.key`) for as long as the calling component lives. */
export function bindKeys(handlers: Handlers): void {
  const handle = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.target as HTMLElement;
    const typing = target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (typing && event.key !== "Escape") return;
    // Enter and space on a control belong to the control.
    if ((event.key === "Enter" || event.key === " ") && target.closest("a, button, summary, input")) return;
    handlers[event.key]?.(event);
  };
  document.addEventListener("keydown", handle);
  onCleanup(() => document.removeEventListener("keydown", handle));
}
