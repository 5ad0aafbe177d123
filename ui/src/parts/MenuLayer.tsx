/** One menu of those that are open; its sub-menu is the next. */

import { createSignal, For, onCleanup, onMount, Show, type JSX } from "solid-js";
import type { MenuItem, MenuItems } from "./menu";
import { typeAhead } from "./menu_keys";
import { placeBeside, type Box, type placeBelow } from "./menu_place";

/** Milliseconds for which the pointer rests on an item before its sub-menu opens, or another's closes: the way there may cross other items. */
const REST = 140;

interface Props {
  items: MenuItems;
  label: string | undefined;
  /** What it stands at. */
  box: () => Box;
  place: typeof placeBelow;
  /** Whether the focus goes to its first item. */
  enter: boolean;
  /** Closes all menus. */
  onClose: () => void;
  /** Closes this one. */
  onBack: () => void;
  /** For a sub-menu: the pointer came. */
  onPointer?: () => void;
}

interface Sub {
  item: MenuItem;
  items: MenuItem[];
  element: HTMLElement;
  enter: boolean;
}

export function MenuLayer(props: Props): JSX.Element {
  let root!: HTMLDivElement;
  let rest: ReturnType<typeof setTimeout> | undefined;
  const [sub, setSub] = createSignal<Sub | null>(null);
  const elements = (): HTMLElement[] => [...root.querySelectorAll<HTMLElement>('[role^="menuitem"]')];
  const focus = (element: HTMLElement | undefined): void => {
    setSub(null);
    element?.focus();
  };
  const showSub = (item: MenuItem, element: HTMLElement, enter: boolean): void => {
    clearTimeout(rest);
    if (!item.items || item.disabled) return void setSub(null);
    if (sub()?.element !== element) setSub({ item, items: item.items, element, enter });
    else if (enter) root.nextElementSibling?.querySelector<HTMLElement>('[role^="menuitem"]')?.focus();
  };
  const leaveSub = (): void => {
    const element = sub()?.element;
    element?.focus();
    setSub(null);
  };
  const take = (item: MenuItem, element: HTMLElement, keys: boolean): void => {
    if (item.disabled) return;
    if (item.items) return showSub(item, element, keys);
    if (!item.stays) props.onClose();
    item.run?.();
  };
  const rested = (item: MenuItem, element: HTMLElement): void => {
    clearTimeout(rest);
    rest = setTimeout(() => showSub(item, element, false), REST);
  };
  const ahead = typeAhead();
  const key = (event: KeyboardEvent): void => {
    if (event.key === "Tab") return props.onClose();
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const all = elements();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const item = props.items.filter((each) => each !== null)[at];
    const element = all[at];
    const typed = ahead(event, all.map((each) => each.querySelector(".menu-label")?.textContent ?? ""), at);
    if (typed !== null) focus(all[typed]);
    else if (event.key === "ArrowDown") focus(all[(at + 1) % all.length]);
    else if (event.key === "ArrowUp") focus(all.at(at < 0 ? -1 : at - 1));
    else if (event.key === "Home") focus(all[0]);
    else if (event.key === "End") focus(all.at(-1));
    else if (event.key === "ArrowRight") { if (item && element) showSub(item, element, true); }
    else if (event.key === "ArrowLeft") { if (props.onPointer) props.onBack(); }
    else if (event.key === "Escape") props.onBack();
    else if (event.key === "Enter" || event.key === " ") { if (item && element) take(item, element, true); }
    else return;
    event.preventDefault();
  };
  const settle = (): void => {
    root.style.maxHeight = "";
    const { left, top, room } = props.place(props.box(), { width: root.offsetWidth, height: root.offsetHeight }, { width: document.documentElement.clientWidth, height: window.innerHeight });
    Object.assign(root.style, { left: `${left}px`, top: `${top}px` });
    if (root.offsetHeight > room) root.style.maxHeight = `${room}px`;
  };
  const moved = (event: Event): void => { if (!(event.target instanceof Element && event.target.closest(".menu"))) settle(); };
  onMount(() => {
    settle();
    (props.enter ? elements()[0] ?? root : root).focus({ preventScroll: true });
    addEventListener("resize", settle);
    addEventListener("scroll", moved, true);
  });
  onCleanup(() => {
    clearTimeout(rest);
    removeEventListener("resize", settle);
    removeEventListener("scroll", moved, true);
  });
  return (
    <>
      <div class="menu" role="menu" tabindex="-1" ref={root} aria-label={props.label} onKeyDown={key} onPointerMove={() => props.onPointer?.()} onContextMenu={(event) => event.preventDefault()}>
        <For each={props.items}>
          {(item) => (
            <Show when={item} fallback={<hr class="menu-line" />}>
              {(found) => <Item item={found()} open={sub()?.item === found()} onTake={(element) => take(found(), element, false)} onRest={(element) => rested(found(), element)} />}
            </Show>
          )}
        </For>
      </div>
      <Show when={sub()} keyed>
        {({ item, items, element, enter }) => (
          <MenuLayer items={items} label={item.label} box={() => element.getBoundingClientRect()} place={placeBeside} enter={enter}
            onClose={props.onClose} onBack={leaveSub} onPointer={() => { clearTimeout(rest); props.onPointer?.(); }} />
        )}
      </Show>
    </>
  );
}

function Item(props: { item: MenuItem; open: boolean; onTake: (element: HTMLElement) => void; onRest: (element: HTMLElement) => void }): JSX.Element {
  let root!: HTMLDivElement;
  const point = (event: PointerEvent): void => {
    // A finger has no rest: what it points at it takes.
    if (event.pointerType === "touch" || document.activeElement === root) return;
    root.focus({ preventScroll: true });
    props.onRest(root);
  };
  const toggles = (): boolean => props.item.checked !== undefined;
  return (
    <div class="menu-item" classList={{ danger: props.item.danger }} ref={root} tabindex="-1" role={toggles() ? "menuitemcheckbox" : "menuitem"}
      aria-checked={toggles() ? props.item.checked : undefined} aria-disabled={props.item.disabled ? "true" : undefined}
      aria-haspopup={props.item.items ? "menu" : undefined} aria-expanded={props.item.items ? props.open : undefined}
      onPointerMove={point} onClick={() => props.onTake(root)}>
      <span class="menu-tick" aria-hidden="true">{props.item.checked ? "✓" : ""}</span>
      <Show when={props.item.color}>{(color) => <span class="dot" style={{ background: color() }} />}</Show>
      <span class="menu-label">{props.item.label}</span>
      <Show when={props.item.items ? "›" : props.item.keys}>{(keys) => <span class="menu-keys" aria-hidden="true">{keys()}</span>}</Show>
    </div>
  );
}
