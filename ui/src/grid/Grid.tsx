/**
 * The runs table: only the rows and columns in sight exist as elements. Row elements are pooled: scrolling by one
 * row refills one element. The first column (selection and name) stays in place sideways.
 */

import { createEffect, createMemo, createSignal, For, Index, on, onCleanup, onMount, Show, type JSX } from "solid-js";
import { clock } from "../app/load";
import { t } from "../app/prefs";
import type { Column, ColumnKind } from "../core/columns";
import { columnSpan, edges, rowOfSlot, rowSpan, scrollTo, type Span } from "../core/grid_layout";
import type { RowPlace } from "../core/run_window";
import type { Sort } from "../core/url_state";
import { GridRow } from "./GridRow";

const SPARE_ROWS = 6;

export interface GridProps {
  total: number;
  row: (row: number) => RowPlace | undefined;
  columns: Column[];
  sort: Sort | null;
  onSort: (column: string) => void;
  selected: ReadonlySet<string>;
  /** `range` also takes the rows since the last one ticked. */
  onSelect: (row: number, range: boolean) => void;
  onSelectAll: () => void;
  allSelected: boolean;
  active: number;
  onActive: (row: number) => void;
  /** Whether a chart above gives runs colours. */
  marked: boolean;
  /** Colour of a run in the chart above, if it is there. */
  color: (run: string) => string | undefined;
  hot: string | null;
  onHot: (run: string | null) => void;
  /** Where to start, in pixels from the top. */
  firstTop: number;
  onTop: (top: number) => void;
  onSpan: (span: Span) => void;
  /** Whether the pointer is over the rows, or they are scrolled: then nothing may move. */
  onHold: (held: boolean) => void;
  stale: boolean;
}

export function Grid(props: GridProps): JSX.Element {
  const touch = matchMedia("(pointer: coarse)").matches;
  const rowHeight = touch ? 36 : 28;
  const [top, setTop] = createSignal(0);
  const [left, setLeft] = createSignal(0);
  const [size, setSize] = createSignal({ width: 0, height: 0 });
  const [pointed, setPointed] = createSignal(false);
  let scroller!: HTMLDivElement;

  const narrow = (): boolean => size().width < 560;
  const nameWidth = (): number => (narrow() ? 178 : 250);
  /** On a phone the status is an icon beside the name. */
  const all = createMemo(() => (narrow() ? props.columns.filter((column) => column.id !== "status") : props.columns));
  const at = createMemo(() => edges(all().map((column) => column.width)));
  const width = (): number => nameWidth() + (at().at(-1) ?? 0);
  const span = createMemo(() => rowSpan(top(), Math.max(0, size().height - rowHeight), rowHeight, props.total, SPARE_ROWS), undefined, {
    equals: (a, b) => a.first === b.first && a.last === b.last,
  });
  const sideways = createMemo(() => columnSpan(at(), left(), Math.max(0, size().width - nameWidth())), undefined, {
    equals: (a, b) => a.first === b.first && a.last === b.last,
  });
  const columns = createMemo(() => all().slice(sideways().first, sideways().last));
  const before = (): number => at()[sideways().first] ?? 0;
  const pool = createMemo((most: number) => Math.max(most, Math.ceil(size().height / rowHeight) + 2 * SPARE_ROWS + 2), 0);
  const slots = createMemo(() => Array.from({ length: Math.min(pool(), props.total) }, (_, slot) => slot));
  const running = createMemo(() => {
    const { first, last } = span();
    for (let row = first; row < last; row++) {
      const place = props.row(row);
      if (place && place.table.status[place.at] === "RUNNING") return true;
    }
    return false;
  });
  const now = clock(running);

  createEffect(() => props.onSpan(span()));
  createEffect(() => props.onHold(pointed() || top() > rowHeight));
  createEffect(on(() => props.active, (row) => {
    if (row >= 0) scroller.scrollTop = scrollTo(row, scroller.scrollTop, scroller.clientHeight - rowHeight, rowHeight);
  }, { defer: true }));
  onMount(() => {
    const measure = (): void => void setSize({ width: scroller.clientWidth, height: scroller.clientHeight });
    const watcher = new ResizeObserver(measure);
    watcher.observe(scroller);
    measure();
    scroller.scrollTop = props.firstTop;
    onCleanup(() => watcher.disconnect());
  });

  return (
    <div
      ref={scroller}
      class="grid"
      classList={{ stale: props.stale }}
      style={{ "--row": `${rowHeight}px`, "--name": `${nameWidth()}px` }}
      role="grid"
      tabindex="0"
      aria-label={t("grid.label")}
      aria-rowcount={props.total + 1}
      aria-colcount={all().length + 1}
      aria-multiselectable="true"
      aria-busy={props.stale}
      aria-activedescendant={props.active >= 0 ? `run-${props.active}` : undefined}
      onScroll={() => { setTop(scroller.scrollTop); props.onTop(scroller.scrollTop); setLeft(scroller.scrollLeft); }}
      onPointerEnter={(event) => event.pointerType === "mouse" && setPointed(true)}
      onPointerLeave={() => { setPointed(false); props.onHot(null); }}
    >
      <div class="grid-size" role="presentation" style={{ width: `${width()}px`, height: `${(props.total + 1) * rowHeight}px` }}>
        <Header {...props} columns={columns()} first={sideways().first} before={before()} />
        <div role="rowgroup">
          <Index each={slots()}>
            {(slot) => (
              <GridRow grid={props} row={rowOfSlot(slot(), slots().length, span())} rowHeight={rowHeight} columns={columns()}
                first={sideways().first} before={before()} now={now()}
                statusColumn={all().some((column) => column.id === "status")} />
            )}
          </Index>
        </div>
      </div>
    </div>
  );
}

function Header(props: GridProps & { first: number; before: number }): JSX.Element {
  return (
    <div role="rowgroup" class="grid-head">
      <div role="row" aria-rowindex={1} class="grid-row">
        <div class="cell frozen" role="columnheader" aria-colindex={1} aria-sort={ariaSort(props.sort, "name")}>
          <input type="checkbox" aria-label={t("grid.select_all")} checked={props.allSelected} onChange={() => props.onSelectAll()} />
          <SortButton id="name" label={t("column.name")} {...props} />
        </div>
        <div class="gap" role="presentation" style={{ width: `${props.before}px` }} />
        <For each={props.columns}>
          {(column, i) => (
            <div class="cell" classList={{ number: isNumber(column), starts: startsKind(props.columns, i()) }} role="columnheader" style={{ width: `${column.width}px` }}
              aria-colindex={props.first + i() + 2} aria-sort={ariaSort(props.sort, column.id)}>
              <Show when={column.order} fallback={<span class="sort">{columnLabel(column)}</span>}>
                <SortButton id={column.id} label={columnLabel(column)} kind={column.kind} {...props} />
              </Show>
            </div>
          )}
        </For>
      </div>
    </div>
  );
}

function SortButton(props: { id: string; label: string; kind?: ColumnKind; sort: Sort | null; onSort: (id: string) => void }): JSX.Element {
  const mine = (): boolean => props.sort?.column === props.id;
  return (
    <button type="button" class="sort" title={kindTitle(props.label, props.kind)} onClick={() => props.onSort(props.id)}>
      <span class="sort-label"><bdi>{props.label}</bdi></span>
      <Show when={mine()}><span aria-hidden="true">{props.sort?.descending ? "↓" : "↑"}</span></Show>
    </button>
  );
}

function ariaSort(sort: Sort | null, id: string): "ascending" | "descending" | "none" {
  if (sort?.column !== id) return "none";
  return sort.descending ? "descending" : "ascending";
}

function kindTitle(label: string, kind: ColumnKind = "attribute"): string {
  return kind === "attribute" ? label : `${label} (${t(`kind.${kind}`)})`;
}

/** Whether another kind of column begins here: a line tells the parameter `lr` from the metric `lr`. */
export function startsKind(columns: readonly Column[], at: number): boolean {
  return at > 0 && columns[at - 1]?.kind !== columns[at]?.kind;
}

/** Numbers and times stand right. */
export function isNumber(column: Column): boolean {
  return column.kind === "metric" || column.id === "duration";
}

/** The name of a column in the reader's language; keys stay as they were logged. */
export function columnLabel(column: Column): string {
  return column.kind === "attribute" ? t(`column.${column.key}`) : column.key;
}
