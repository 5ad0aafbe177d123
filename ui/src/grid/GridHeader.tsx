/**
 * The head of the runs table. A click sorts, with Shift as one of several; the arrow opens a menu; the right edge
 * changes the width; a drag moves. With keys: ↓ opens the menu, Alt+←/→ moves, Alt+Shift+←/→ changes the width.
 */

import { createSignal, For, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import type { Column } from "../core/columns";
import { placeAt } from "../core/grid_layout";
import { LEAST_WIDTH, MOST_WIDTH, type Sort } from "../core/url_state";
import { columnLabel, isNumber, startsKind, type GridProps } from "./Grid";

const DRAG_FROM = 6;
const KEY_STEP = 16;

interface Props {
  grid: GridProps;
  pinned: Column[];
  /** Those in sight, of `all`. */
  columns: Column[];
  all: Column[];
  edges: number[];
  first: number;
  before: number;
  nameWidth: number;
  widthOf: (column: Column) => number;
  scroller: HTMLDivElement;
  resizes: boolean;
}

export function GridHeader(props: Props): JSX.Element {
  const [drop, setDrop] = createSignal<number | null>(null);
  /** Follows a pointer that may drag column `id` to another place among those that scroll. */
  const drag = (id: string, start: PointerEvent): void => {
    if (start.button !== 0 || start.pointerType === "touch") return;
    let target: string | null | undefined;
    const move = (event: PointerEvent): void => {
      if (target === undefined && Math.abs(event.clientX - start.clientX) < DRAG_FROM) return;
      const box = props.scroller.getBoundingClientRect();
      const frozen = props.nameWidth + props.pinned.reduce((sum, column) => sum + props.widthOf(column), 0);
      const place = placeAt(props.edges, event.clientX - box.left - frozen + props.scroller.scrollLeft);
      target = props.all[place]?.id ?? null;
      setDrop(frozen + (props.edges[place] ?? 0));
    };
    const end = (event: PointerEvent): void => {
      document.removeEventListener("pointermove", move);
      document.removeEventListener("pointerup", end);
      document.removeEventListener("pointercancel", end);
      setDrop(null);
      if (target === undefined) return;
      // What was dragged is not clicked; a click comes at once or not at all.
      const swallow = (click: Event): void => { click.stopPropagation(); click.preventDefault(); };
      document.addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => document.removeEventListener("click", swallow, { capture: true }), 0);
      if (event.type === "pointerup") props.grid.onMove(id, target);
    };
    document.addEventListener("pointermove", move);
    document.addEventListener("pointerup", end);
    document.addEventListener("pointercancel", end);
  };
  const neighbour = (id: string, by: 1 | -1): void => {
    const list = props.pinned.some((column) => column.id === id) ? props.pinned : props.all;
    const at = list.findIndex((column) => column.id === id);
    const to = at + by;
    if (at < 0 || to < 0 || to >= list.length) return;
    props.grid.onMove(id, list[by > 0 ? to + 1 : to]?.id ?? null);
    focusHeader(props.scroller, id);
  };
  const cell = (column: Column, index: number, starts: boolean): JSX.Element => (
    <HeaderCell grid={props.grid} id={column.id} label={columnLabel(column)} kind={column.kind} sorts={column.order !== null} number={isNumber(column)}
      starts={starts} index={index} width={props.widthOf(column)} resizes={props.resizes} onDrag={drag} onNeighbour={neighbour} />
  );
  return (
    <div role="rowgroup" class="grid-head">
      <div role="row" aria-rowindex={1} class="grid-row">
        <div class="frozen" role="presentation">
          <HeaderCell grid={props.grid} id="name" label={t("column.name")} kind="attribute" sorts number={false} starts={false} index={1} width={props.nameWidth}
            resizes={props.resizes} onDrag={() => undefined} onNeighbour={() => undefined}>
            <input type="checkbox" aria-label={t("grid.select_all")} checked={props.grid.allSelected}
              ref={(box) => queueMicrotask(() => (box.indeterminate = props.grid.someSelected && !props.grid.allSelected))}
              onChange={() => props.grid.onSelectAll()} />
          </HeaderCell>
          <For each={props.pinned}>{(column, i) => cell(column, i() + 2, false)}</For>
        </div>
        <div class="gap" role="presentation" style={{ width: `${props.before}px` }} />
        <For each={props.columns}>
          {(column, i) => cell(column, props.pinned.length + props.first + i() + 2, startsKind(props.columns, i()))}
        </For>
      </div>
      <Show when={drop() !== null}><div class="drop-line" style={{ left: `${drop() ?? 0}px` }} /></Show>
    </div>
  );
}

function focusHeader(scroller: HTMLElement, id: string): void {
  requestAnimationFrame(() => scroller.querySelector<HTMLElement>(`[data-column="${CSS.escape(id)}"] .sort`)?.focus());
}

interface CellProps {
  grid: GridProps;
  id: string;
  label: string;
  kind: Column["kind"];
  sorts: boolean;
  number: boolean;
  starts: boolean;
  index: number;
  width: number;
  resizes: boolean;
  onDrag: (id: string, start: PointerEvent) => void;
  onNeighbour: (id: string, by: 1 | -1) => void;
  children?: JSX.Element;
}

function HeaderCell(props: CellProps): JSX.Element {
  let cell!: HTMLDivElement;
  let arrow!: HTMLButtonElement;
  const at = (): number => props.grid.sort.findIndex((each) => each.column === props.id);
  const keys = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (event.key === "ArrowDown" && !event.altKey) props.grid.onMenu(props.id, arrow);
    else if (by && event.altKey && event.shiftKey) props.grid.onWidth(props.id, clamp(props.width + by * KEY_STEP), true);
    else if (by && event.altKey) props.onNeighbour(props.id, by);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div ref={cell} class="cell" classList={{ number: props.number, starts: props.starts, "name-cell": props.id === "name" }} role="columnheader"
      style={{ width: `${props.width}px` }} data-column={props.id} aria-colindex={props.index} aria-sort={ariaSort(props.grid.sort, props.id)}
      onPointerDown={(event) => { if (!(event.target as HTMLElement).closest(".resize, .head-menu, input")) props.onDrag(props.id, event); }}
      onContextMenu={(event) => { event.preventDefault(); props.grid.onMenu(props.id, arrow); }}>
      {props.children}
      <button type="button" class="sort" title={kindTitle(props.label, props.kind)} aria-keyshortcuts="ArrowDown" aria-disabled={props.sorts ? undefined : true}
        onKeyDown={keys}
        onClick={(event) => props.sorts && props.grid.onSort(props.id, event.shiftKey)}>
        <span class="sort-label"><bdi>{props.label}</bdi></span>
        <Show when={at() >= 0}>
          <span class="sort-sign" aria-hidden="true">
            {props.grid.sort[at()]?.descending ? "↓" : "↑"}<Show when={props.grid.sort.length > 1}><sup>{at() + 1}</sup></Show>
          </span>
        </Show>
      </button>
      <button ref={arrow} type="button" class="head-menu" tabindex="-1" aria-haspopup="menu" aria-label={t("columns.menu", { name: props.label })}
        onClick={() => props.grid.onMenu(props.id, arrow)}>
        <svg viewBox="0 0 10 10" width="9" height="9" aria-hidden="true"><path d="M1.5 3.2 5 6.8l3.5-3.6" fill="none" stroke="currentColor" stroke-width="1.6" /></svg>
      </button>
      <Show when={props.resizes}>
        <div class="resize" aria-hidden="true" onPointerDown={(event) => resize(event, cell.offsetWidth, (width, done) => props.grid.onWidth(props.id, width, done))}
          onDblClick={() => props.grid.onWidth(props.id, NaN, true)} />
      </Show>
    </div>
  );
}

/** Follows the pointer at a column's edge. */
function resize(start: PointerEvent, from: number, tell: (width: number, done: boolean) => void): void {
  start.preventDefault();
  const handle = start.currentTarget as HTMLElement;
  handle.setPointerCapture(start.pointerId);
  let width = from;
  const move = (event: PointerEvent): void => tell((width = clamp(from + event.clientX - start.clientX)), false);
  const end = (): void => {
    handle.removeEventListener("pointermove", move);
    handle.removeEventListener("lostpointercapture", end);
    if (width !== from) tell(width, true);
  };
  handle.addEventListener("pointermove", move);
  handle.addEventListener("lostpointercapture", end);
}

const clamp = (width: number): number => Math.round(Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, width)));

function ariaSort(sorts: readonly Sort[], id: string): "ascending" | "descending" | "none" {
  const mine = sorts.find((each) => each.column === id);
  if (!mine) return "none";
  return mine.descending ? "descending" : "ascending";
}

function kindTitle(label: string, kind: Column["kind"]): string {
  return kind === "attribute" ? label : `${label} (${t(`kind.${kind}`)})`;
}
