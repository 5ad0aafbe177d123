/** One pooled row of the runs table. */

import { createMemo, For, Show, type JSX } from "solid-js";
import { Link } from "../app/nav";
import { durationWords, language, t } from "../app/prefs";
import { Status, StatusIcon, statusWord } from "../app/status";
import { durationOf, valueCell, type Cell, type Column } from "../core/columns";
import { exactMoment, formatDuration, formatMoment } from "../core/format";
import { runPath } from "../core/router";
import type { RowPlace } from "../core/run_window";
import { isNumber, startsKind, type GridProps } from "./Grid";

interface Props {
  grid: GridProps;
  /** Null while this element of the pool has nothing to show. */
  row: number | null;
  rowHeight: number;
  columns: Column[];
  first: number;
  before: number;
  now: number;
  /** Whether a column shows the status; else an icon stands by the name. */
  statusColumn: boolean;
}

export function GridRow(props: Props): JSX.Element {
  const row = createMemo(() => props.row);
  const place = createMemo(() => {
    const at = row();
    return at === null ? undefined : props.grid.row(at);
  }, undefined, { equals: (a, b) => a?.table === b?.table && a?.at === b?.at });
  const run = createMemo(() => place()?.table.run_id[place()?.at ?? 0] ?? "");
  const status = createMemo(() => place()?.table.status[place()?.at ?? 0] ?? "");
  const selected = (): boolean => props.grid.selected.has(run());
  const name = (): string => place()?.table.run_name[place()?.at ?? 0] || run();
  const deleted = (): boolean => place()?.table.lifecycle_stage[place()?.at ?? 0] === "deleted";
  const color = (): string | undefined => props.grid.color(run());
  return (
    <div
      role="row"
      id={`run-${row()}`}
      class="grid-row body"
      classList={{ selected: selected(), active: row() === props.grid.active, hot: run() !== "" && props.grid.hot === run(), deleted: deleted() }}
      hidden={row() === null}
      aria-rowindex={(row() ?? 0) + 2}
      aria-selected={selected()}
      style={{ transform: `translateY(${(row() ?? 0) * props.rowHeight}px)` }}
      onClick={() => props.grid.onActive(row() ?? -1)}
      onPointerEnter={() => props.grid.onHot(run())}
    >
      <div class="cell frozen" role="gridcell" aria-colindex={1} title={name()}>
        <Show when={place()} fallback={<span class="quiet">…</span>}>
          <input type="checkbox" checked={selected()} aria-label={t("grid.select", { name: name() })}
            onClick={(event) => { event.stopPropagation(); props.grid.onSelect(row() ?? 0, event.shiftKey); }} />
          <Show when={props.grid.marked}><span class="dot" style={{ background: color() ?? "transparent" }} /></Show>
          <Show when={!props.statusColumn}>
            <span title={statusWord(status())}><StatusIcon status={status()} /></span>
          </Show>
          <Link to={runPath(run())} tabindex="-1" class="run-name">{name()}</Link>
        </Show>
      </div>
      <div class="gap" role="presentation" style={{ width: `${props.before}px` }} />
      <For each={props.columns}>
        {(column, i) => (
          <div class="cell" classList={{ number: isNumber(column), starts: startsKind(props.columns, i()) }} role="gridcell" aria-colindex={props.first + i() + 2}
            style={{ width: `${column.width}px` }}>
            <Show when={column.id === "status"} fallback={<CellText place={place()} column={column} now={props.now} />}>
              <Show when={status()}>{(word) => <Status status={word()} />}</Show>
            </Show>
          </div>
        )}
      </For>
    </div>
  );
}

function CellText(props: { place: RowPlace | undefined; column: Column; now: number }): JSX.Element {
  const cell = createMemo(() => (props.place ? cellOf(props.place, props.column, props.now) : { text: "", title: "" }), undefined, {
    equals: (a, b) => a.text === b.text && a.title === b.title,
  });
  return <span class="text" title={cell().title}>{cell().text}</span>;
}

function cellOf({ table, at }: RowPlace, column: Column, now: number): Cell {
  if (column.kind !== "attribute") return valueCell(table, at, column);
  const [start, end] = [table.start_time[at] ?? null, table.end_time[at] ?? null];
  switch (column.id) {
    case "start_time":
      return { text: formatMoment(start, language(), now), title: exactMoment(start, language()) };
    case "end_time":
      return { text: formatMoment(end, language(), now), title: exactMoment(end, language()) };
    case "duration": {
      const text = formatDuration(durationOf(table.status[at] ?? "", start, end, now), durationWords());
      return { text, title: text };
    }
    case "run_id":
      return { text: table.run_id[at] ?? "", title: table.run_id[at] ?? "" };
    default:
      return { text: table.user_id[at] ?? "", title: table.user_id[at] ?? "" };
  }
}
