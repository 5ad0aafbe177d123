/**
 * A line a key, a column a run: only lines and columns in sight exist as elements. The keys stay in place sideways, and
 * where there is room the baseline too; the heads of the runs stay above.
 */

import { createMemo, createSignal, For, Index, onCleanup, onMount, Show, type JSX } from "solid-js";
import { t } from "../../app/prefs";
import { exactNumber, formatNumber } from "../../core/format";
import { columnSpan, edges, rowOfSlot, rowSpan, type Span } from "../../core/grid_layout";
import { deltaOf, isHead, MEASURED, orderByValue, same, type Line, type Row, type Section, type Value } from "../../core/comparison";
import { copy } from "../../app/notices";
import { openMenu } from "../../parts/menu";
import type { ComparedRun } from "./compared";
import { RunHead } from "./RunHead";

const SPARE_ROWS = 6;
const HEAD = 58;
const NARROW = 620;
const sameSpan = { equals: (a: Span, b: Span): boolean => a.first === b.first && a.last === b.last };

export interface CompareGridProps {
  /** The baseline first. */
  runs: ComparedRun[];
  rows: Row[];
  /** The name of a run's experiment where there are several. */
  experimentOf: (run: ComparedRun) => string;
  hot: string | null;
  onHot: (run: string | null) => void;
  onRuns: (runs: string[]) => void;
  onBaseline: (run: string) => void;
  onRemove: (run: string) => void;
  onToggle: (section: Section) => void;
  /** Shows the values of a line in full. */
  onOpen: (line: Line) => void;
}

export function CompareGrid(props: CompareGridProps): JSX.Element {
  const rowHeight = matchMedia("(pointer: coarse)").matches ? 36 : 28;
  const [top, setTop] = createSignal(0);
  const [left, setLeft] = createSignal(0);
  const [size, setSize] = createSignal({ width: 0, height: 0 });
  let scroller!: HTMLDivElement;
  const narrow = (): boolean => size().width < NARROW;
  const keyWidth = (): number => (narrow() ? 128 : 250);
  /** Few runs share the room that there is. */
  const width = createMemo(() => {
    const least = narrow() ? 132 : 168;
    return Math.max(least, Math.min(320, Math.floor((size().width - keyWidth() - 14) / Math.max(1, props.runs.length))));
  });
  const fixed = (): number => (narrow() ? 0 : 1);
  const frozen = (): number => keyWidth() + fixed() * width();
  const at = createMemo(() => edges(props.runs.slice(fixed()).map(width)));
  const sideways = createMemo(() => columnSpan(at(), left(), Math.max(0, size().width - frozen())), undefined, sameSpan);
  const inSight = createMemo(() => Array.from({ length: sideways().last - sideways().first }, (_, i) => fixed() + sideways().first + i));
  const before = (): number => at()[sideways().first] ?? 0;
  const span = createMemo(() => rowSpan(top(), Math.max(0, size().height - HEAD), rowHeight, props.rows.length, SPARE_ROWS), undefined, sameSpan);
  const slots = createMemo(() => Array.from({ length: Math.min(props.rows.length, Math.ceil(size().height / rowHeight) + 2 * SPARE_ROWS + 2) }, (_, i) => i));
  onMount(() => {
    const measure = (): void => void setSize({ width: scroller.clientWidth, height: scroller.clientHeight });
    const watcher = new ResizeObserver(measure);
    watcher.observe(scroller);
    measure();
    onCleanup(() => watcher.disconnect());
  });
  const head = (index: number): JSX.Element => (
    <Show when={props.runs[index]}>
      {(run) => <RunHead run={run()} index={index} width={width()} baseline={index === 0} hot={props.hot === run().id} grid={props} />}
    </Show>
  );
  return (
    <div ref={scroller} class="grid compare-grid" role="table" tabindex="0" aria-label={t("compare.table")} aria-rowcount={props.rows.length + 1} aria-colcount={props.runs.length + 1}
      style={{ "--row": `${rowHeight}px`, "--key": `${keyWidth()}px`, "--frozen": `${frozen()}px`, "--run": `${width()}px`, "--head": `${HEAD}px` }}
      onScroll={() => { setTop(scroller.scrollTop); setLeft(scroller.scrollLeft); }} onPointerLeave={() => props.onHot(null)}>
      <div class="grid-size" role="presentation" style={{ width: `${frozen() + (at().at(-1) ?? 0)}px`, height: `${HEAD + props.rows.length * rowHeight}px` }}>
        <div class="grid-head compare-head" role="rowgroup">
          <div class="grid-row" role="row" aria-rowindex={1}>
            <div class="frozen" role="presentation">
              <div class="cell key-cell" role="columnheader" aria-colindex={1}>{t("compare.key")}</div>
              <Show when={fixed()}>{head(0)}</Show>
            </div>
            <div class="gap" role="presentation" style={{ width: `${before()}px` }} />
            <For each={inSight()}>{(index) => head(index)}</For>
          </div>
        </div>
        <div role="rowgroup">
          <Index each={slots()}>
            {(slot) => {
              const index = createMemo(() => rowOfSlot(slot(), slots().length, span()));
              const row = createMemo(() => { const found = index(); return found === null ? undefined : props.rows[found]; });
              return (
                <Show when={row()}>
                  {(found) => (
                    <CompareRow grid={props} row={found()} index={index() ?? 0} rowHeight={rowHeight} fixed={fixed()} inSight={inSight()} before={before()} />
                  )}
                </Show>
              );
            }}
          </Index>
        </div>
      </div>
    </div>
  );
}

interface RowProps {
  grid: CompareGridProps;
  row: Row;
  index: number;
  rowHeight: number;
  fixed: number;
  inSight: number[];
  before: number;
}

function CompareRow(props: RowProps): JSX.Element {
  const line = createMemo(() => (isHead(props.row) ? undefined : props.row));
  return (
    <div class="grid-row body" classList={{ section: line() === undefined, same: line()?.differs === false }} role="row" aria-rowindex={props.index + 2}
      style={{ transform: `translateY(${props.index * props.rowHeight}px)` }}>
      <Show when={line()} fallback={<SectionHead row={props.row} onToggle={props.grid.onToggle} />}>
        {(found) => (
          <>
            <div class="frozen" role="presentation">
              <div class="cell key-cell" role="rowheader" aria-colindex={1}>
                <button type="button" class="key" aria-haspopup="menu" title={found().key} onClick={(event) => openMenu(event.currentTarget, lineMenu(found(), props.grid))}>{labelOf(found())}</button>
              </div>
              <Show when={props.fixed}><ValueCell line={found()} at={0} grid={props.grid} /></Show>
            </div>
            <div class="gap" role="presentation" style={{ width: `${props.before}px` }} />
            <For each={props.inSight}>{(at) => <ValueCell line={found()} at={at} grid={props.grid} />}</For>
          </>
        )}
      </Show>
    </div>
  );
}

/** The key, or of what we know of code a word. */
export function labelOf(line: Line): string {
  const word = line.section === "code" ? CODE_WORDS[line.key] : undefined;
  return word ? t(`compare.code_${word}`) : line.key;
}

const CODE_WORDS: Record<string, string> = {
  "mlflow.source.git.commit": "commit", "mlflow.source.git.branch": "branch", "mlflow.source.git.repoURL": "repository", "mlflow.source.git.diff": "diff",
  "mlflow.source.name": "source", "mlflow.source.type": "type", "mlflow.project.entryPoint": "entry", "mlflow.user": "user",
};

function SectionHead(props: { row: Row; onToggle: (section: Section) => void }): JSX.Element {
  const head = (): { section: Section; shown: number; of: number; open: boolean } => props.row as never;
  return (
    <div class="section-cell" role="rowheader">
      <button type="button" class="section-button" aria-expanded={head().open} onClick={() => props.onToggle(head().section)}>
        <span class="twist" aria-hidden="true">▸</span>{t(`compare.section_${head().section}`)}
        <span class="quiet">{head().shown === head().of ? head().of : t("compare.some", { n: head().shown, all: head().of })}</span>
      </button>
    </div>
  );
}

function lineMenu(line: Line, grid: CompareGridProps): Parameters<typeof openMenu>[1] {
  const ids = grid.runs.map((run) => run.id);
  return [
    { label: t("compare.in_full"), run: () => grid.onOpen(line) },
    { label: t("compare.sort_up"), run: () => grid.onRuns(orderByValue(ids, line.values, false)) },
    { label: t("compare.sort_down"), run: () => grid.onRuns(orderByValue(ids, line.values, true)) },
    null,
    { label: t("compare.copy_key"), run: () => void copy(line.key) },
  ];
}

interface CellFacts {
  text: string;
  title: string;
  delta: string;
  differs: boolean;
  look: string;
}

/** What a cell says: the value, and of a number how far it is from the baseline's. */
function factsOf(line: Line, at: number): CellFacts {
  const value: Value = line.values[at] ?? null;
  const base: Value = line.values[0] ?? null;
  const differs = at > 0 && !same(value, base);
  const delta = differs && MEASURED.has(line.section) ? deltaOf(value, base) : null;
  const exact = typeof value === "number" ? exactNumber(value) : String(value ?? "");
  return {
    text: textOf(value), differs,
    title: delta === null ? exact : t("compare.delta", { value: exact, delta: signed(delta, exactNumber) }),
    delta: delta === null ? "" : signed(delta, formatNumber),
    look: `cell run-cell${differs ? " differs" : ""}${typeof value === "number" ? " number" : ""}${value === null ? " none" : ""}${at === 0 ? " baseline" : ""}`,
  };
}

/** Few elements and few effects: there are hundreds of these, and each changes as one scrolls. */
function ValueCell(props: { line: Line; at: number; grid: CompareGridProps }): JSX.Element {
  const facts = createMemo(() => factsOf(props.line, props.at));
  const run = (): string => props.grid.runs[props.at]?.id ?? "";
  const hot = createMemo(() => props.grid.hot !== null && props.grid.hot === run());
  return (
    <div class={hot() ? `${facts().look} hot` : facts().look} role="cell" aria-colindex={props.at + 2} title={facts().title}
      aria-label={facts().differs ? `${facts().text} ${facts().delta}, ${t("compare.differs")}` : undefined}
      onPointerEnter={() => props.grid.onHot(run())} onDblClick={() => props.grid.onOpen(props.line)}>
      <span class="text">{facts().text}</span>
      <span class="delta">{facts().delta}</span>
    </div>
  );
}

export function textOf(value: Value): string {
  if (value === null) return "–";
  if (typeof value === "number") return formatNumber(value);
  const end = value.indexOf("\n");
  return value === "" ? "“”" : end < 0 ? value : `${value.slice(0, end)} …`;
}

/** A difference with its sign; digits that only rounding made are left out. */
function signed(delta: number, format: (value: number) => string): string {
  const text = format(Number(delta.toPrecision(10)));
  return delta > 0 ? `+${text}` : text;
}
