/**
 * The runs table: only the rows and columns in sight exist as elements. Row elements are pooled: scrolling by one
 * row refills one element. The first column (selection and name) and the pinned ones stay in place sideways.
 */

import { createEffect, createMemo, createSignal, Index, on, onCleanup, onMount, type JSX } from "solid-js";
import { clock } from "../app/load";
import type { RunMarks } from "../app/marks";
import { t } from "../app/prefs";
import type { Column } from "../core/columns";
import { columnSpan, edges, rowOfSlot, rowSpan, scrollTo, type Span } from "../core/grid_layout";
import type { RowPlace } from "../core/run_window";
import type { Sort } from "../core/url_state";
import { GridHeader } from "./GridHeader";
import { GridRow } from "./GridRow";

const SPARE_ROWS = 6;
const NARROW = 560;

export interface GridProps {
  total: number;
  row: (row: number) => RowPlace | undefined;
  /** Columns that scroll sideways. */
  columns: Column[];
  pinned: Column[];
  /** Width of a column in pixels, of the names for `name`; undefined for its own. */
  width: (id: string) => number | undefined;
  sort: Sort[];
  onSort: (column: string, add: boolean) => void;
  /** Opens the menu of a column. */
  onMenu: (column: string, anchor: HTMLElement) => void;
  onWidth: (column: string, width: number, done: boolean) => void;
  /** Puts a column before another; to the end for null. */
  onMove: (column: string, before: string | null) => void;
  selected: (run: string) => boolean;
  /** `range` also takes the rows since the last one ticked. */
  onSelect: (row: number, range: boolean) => void;
  onSelectAll: () => void;
  allSelected: boolean;
  someSelected: boolean;
  active: number;
  onActive: (row: number) => void;
  /** Opens or closes what is below a row; nothing where rows have nothing below. */
  onToggle: (row: number) => void;
  isOpen: (place: RowPlace) => boolean;
  /** Whether rows stand below others. */
  nested: boolean;
  /** Names of the columns that make groups, as the server has them. */
  groupedBy: { name: string; label: string }[];
  onRowMenu: (row: number, anchor: HTMLElement, point?: { x: number; y: number }, column?: Column) => void;
  marks: RunMarks;
  /** Whether charts show runs, so that an eye by each says whether it is among them. */
  eyes: boolean;
  hot: string | null;
  onHot: (run: string | null) => void;
  /** Where to start, in pixels from the top. */
  firstTop: number;
  onTop: (top: number) => void;
  onSpan: (span: Span) => void;
  /** Which of `columns` are in sight. */
  onSideways: (span: Span) => void;
  /** Whether the pointer is over the rows, or they are scrolled: then nothing may move. */
  onHold: (held: boolean) => void;
  stale: boolean;
}

const sameSpan = { equals: (a: Span, b: Span): boolean => a.first === b.first && a.last === b.last };

export function Grid(props: GridProps): JSX.Element {
  const touch = matchMedia("(pointer: coarse)").matches;
  const rowHeight = touch ? 36 : 28;
  const [top, setTop] = createSignal(0);
  const [left, setLeft] = createSignal(0);
  const [size, setSize] = createSignal({ width: 0, height: 0 });
  const [pointed, setPointed] = createSignal(false);
  let scroller!: HTMLDivElement;

  const narrow = (): boolean => size().width < NARROW;
  const nameWidth = (): number => (narrow() ? 186 : (props.width("name") ?? 250));
  const widthOf = (column: Column): number => props.width(column.id) ?? column.width;
  /** On a phone nothing but the name is frozen, and the status is an icon beside it. */
  const pinned = createMemo(() => (narrow() ? [] : props.pinned));
  const all = createMemo(() => (narrow() ? [...props.pinned, ...props.columns].filter((column) => column.id !== "status") : props.columns));
  const frozenWidth = (): number => nameWidth() + pinned().reduce((sum, column) => sum + widthOf(column), 0);
  const at = createMemo(() => edges(all().map(widthOf)));
  const width = (): number => frozenWidth() + (at().at(-1) ?? 0);
  const span = createMemo(() => rowSpan(top(), Math.max(0, size().height - rowHeight), rowHeight, props.total, SPARE_ROWS), undefined, sameSpan);
  const sideways = createMemo(() => columnSpan(at(), left(), Math.max(0, size().width - frozenWidth())), undefined, sameSpan);
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
  const statusColumn = createMemo(() => !narrow() && [...pinned(), ...all()].some((column) => column.id === "status"));

  createEffect(() => props.onSpan(span()));
  createEffect(() => props.onSideways(sideways()));
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
      style={{ "--row": `${rowHeight}px`, "--name": `${nameWidth()}px`, "--frozen": `${frozenWidth()}px` }}
      role={props.nested ? "treegrid" : "grid"}
      tabindex="0"
      aria-label={t("grid.label")}
      aria-rowcount={props.total + 1}
      aria-colcount={pinned().length + all().length + 1}
      aria-multiselectable="true"
      aria-busy={props.stale}
      aria-activedescendant={props.active >= 0 ? `run-${props.active}` : undefined}
      onScroll={() => { setTop(scroller.scrollTop); props.onTop(scroller.scrollTop); setLeft(scroller.scrollLeft); }}
      onPointerEnter={(event) => event.pointerType === "mouse" && setPointed(true)}
      onPointerLeave={() => { setPointed(false); props.onHot(null); }}
    >
      <div class="grid-size" role="presentation" style={{ width: `${width()}px`, height: `${(props.total + 1) * rowHeight}px` }}>
        <GridHeader grid={props} pinned={pinned()} columns={columns()} all={all()} edges={at()} first={sideways().first} before={before()}
          nameWidth={nameWidth()} widthOf={widthOf} scroller={scroller} resizes={!narrow()} />
        <div role="rowgroup">
          <Index each={slots()}>
            {(slot) => (
              <GridRow grid={props} row={rowOfSlot(slot(), slots().length, span())} rowHeight={rowHeight} pinned={pinned()} columns={columns()}
                widthOf={widthOf} first={sideways().first} before={before()} now={now()} statusColumn={statusColumn()} />
            )}
          </Index>
        </div>
      </div>
    </div>
  );
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
  if (column.kind === "attribute") return t(`column.${column.key}`);
  return column.part === "last" ? column.key : `${column.key} ${t(`part.${column.part}`)}`;
}
