/** The browser's own dialog: the page behind is out of reach, the focus stays inside and goes back to where it was. */

import { onCleanup, onMount, type JSX } from "solid-js";
import { Portal } from "solid-js/web";
import "./parts.css";

interface Props {
  class?: string;
  label?: string;
  labelledBy?: string;
  onClose: () => void;
  children: JSX.Element;
}

export function Modal(props: Props): JSX.Element {
  let box!: HTMLDialogElement;
  let gone = false;
  let pressed = false;
  /** Whether a pointer is on the backdrop, which counts as the dialog itself. */
  const beside = (event: MouseEvent): boolean => {
    const { left, right, top, bottom } = box.getBoundingClientRect();
    return event.target === box && (event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom);
  };
  let before: Element | null = null;
  onMount(() => {
    before = document.activeElement;
    box.showModal();
    hold(true);
  });
  onCleanup(() => {
    gone = true;
    box.close();
    // The browser gives the focus back only from a dialog that is still on the page.
    if (document.activeElement === document.body) (before as HTMLElement | null)?.focus({ preventScroll: true });
    hold(document.querySelector("dialog[open]") !== null);
  });
  return (
    <Portal>
      <dialog class={`dialog ${props.class ?? ""}`} ref={box} aria-label={props.label} aria-labelledby={props.labelledBy}
        onPointerDown={(event) => (pressed = beside(event))} onClick={(event) => { if (pressed && beside(event)) props.onClose(); }}
        on:cancel={(event) => { if (event.target !== box) return; event.preventDefault(); props.onClose(); }} on:close={() => { if (!gone) props.onClose(); }}>
        {props.children}
      </dialog>
    </Portal>
  );
}

/** Keeps the page behind a dialog where it is, and as wide. */
function hold(on: boolean): void {
  const { style, clientWidth } = document.documentElement;
  if (on === (style.overflow === "hidden")) return;
  style.scrollbarGutter = on && innerWidth > clientWidth ? "stable" : "";
  style.overflow = on ? "hidden" : "";
}
