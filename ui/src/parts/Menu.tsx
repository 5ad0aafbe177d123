/** A menu drawn by Kobalte: arrows, letters, Escape, focus back to where it was opened. */

import { DropdownMenu } from "@kobalte/core/dropdown-menu";
import { For, onMount, Show, type JSX } from "solid-js";
import { closeMenu, type MenuItem, type MenuItems, type OpenMenu } from "./menu";
import "./parts.css";

export function Menu(props: { open: OpenMenu }): JSX.Element {
  const box = (): { x: number; y: number; width: number; height: number } => {
    const { point, anchor } = props.open;
    if (point) return { ...point, width: 0, height: 0 };
    const { x, y, width, height } = anchor.getBoundingClientRect();
    return { x, y, width, height };
  };
  onMount(() => props.open.anchor.setAttribute("aria-expanded", "true"));
  const close = (open: boolean): void => {
    if (open) return;
    const { anchor } = props.open;
    anchor.setAttribute("aria-expanded", "false");
    closeMenu();
    // What an item did may have moved the focus on purpose, as into a dialog.
    queueMicrotask(() => { if (document.activeElement === document.body) anchor.focus(); });
  };
  return (
    <DropdownMenu open onOpenChange={close} getAnchorRect={box} gutter={4} placement="bottom-start" modal={false}>
      <DropdownMenu.Portal>
        <DropdownMenu.Content class="menu">
          <Items items={props.open.items} />
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu>
  );
}

function Items(props: { items: MenuItems }): JSX.Element {
  return (
    <For each={props.items}>
      {(item) => <Show when={item} fallback={<DropdownMenu.Separator class="menu-line" />}>{(found) => <Item item={found()} />}</Show>}
    </For>
  );
}

function Item(props: { item: MenuItem }): JSX.Element {
  return (
    <Show when={props.item.items} fallback={<Leaf item={props.item} />}>
      {(items) => (
        <DropdownMenu.Sub gutter={2}>
          <DropdownMenu.SubTrigger class="menu-item">
            <span class="menu-tick" />
            <span class="menu-label">{props.item.label}</span>
            <span class="menu-keys" aria-hidden="true">›</span>
          </DropdownMenu.SubTrigger>
          <DropdownMenu.Portal>
            <DropdownMenu.SubContent class="menu"><Items items={items()} /></DropdownMenu.SubContent>
          </DropdownMenu.Portal>
        </DropdownMenu.Sub>
      )}
    </Show>
  );
}

function Leaf(props: { item: MenuItem }): JSX.Element {
  const inside = (): JSX.Element => (
    <>
      <span class="menu-tick" aria-hidden="true">{props.item.checked ? "✓" : ""}</span>
      <Show when={props.item.color}>{(color) => <span class="dot" style={{ background: color() }} />}</Show>
      <span class="menu-label">{props.item.label}</span>
      <Show when={props.item.keys}>{(keys) => <span class="menu-keys" aria-hidden="true">{keys()}</span>}</Show>
    </>
  );
  return (
    <Show
      when={props.item.checked !== undefined}
      fallback={
        <DropdownMenu.Item class="menu-item" classList={{ danger: props.item.danger }} disabled={props.item.disabled} onSelect={() => props.item.run?.()}>
          {inside()}
        </DropdownMenu.Item>
      }
    >
      <DropdownMenu.CheckboxItem class="menu-item" checked={props.item.checked} disabled={props.item.disabled} onChange={() => props.item.run?.()}>
        {inside()}
      </DropdownMenu.CheckboxItem>
    </Show>
  );
}
