/** One pooled row of the runs table: a run, or a group of runs. */

import { createMemo, For, Show, type JSX } from "solid-js";
import { follow, hrefOf } from "../app/nav";
import { t } from "../app/prefs";
import { Status, StatusIcon, statusWord } from "../app/status";
import type { Column } from "../core/columns";
import { runPath } from "../core/router";
import type { GroupPlace, RowPlace } from "../core/run_window";
import { groupName } from "./cells";
import { isNumber, startsKind, type GridProps } from "./Grid";
import { Eye } from "./Eye";
import { makeCell } from "./make_cell";

interface Props {
  grid: GridProps;
  /** Null while this element of the pool has nothing to show. */
  row: number | null;
  rowHeight: number;
  pinned: Column[];
  columns: Column[];
  widthOf: (column: Column) => number;
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
  }, undefined, { equals: (a, b) => a === b || (a?.table === b?.table && a?.at === b?.at && a?.group === b?.group && a?.below === b?.below && a?.depth === b?.depth) });
  const run = createMemo(() => { const at = place(); return at && !at.group ? (at.table.run_id[at.at] ?? "") : ""; });
  const selected = (): boolean => run() !== "" && props.grid.selected(run());
  const deleted = (): boolean => { const at = place(); return at !== undefined && at.table.lifecycle_stage[at.at] === "deleted"; };
  const isOpen = (): boolean => { const at = place(); return at !== undefined && at.below > 0 && props.grid.isOpen(at); };
  const menuAt = (event: MouseEvent): void => {
    const id = (event.target as HTMLElement).closest<HTMLElement>("[data-cell]")?.dataset.cell;
    const column = [...props.pinned, ...props.columns].find((each) => each.id === id);
    event.preventDefault();
    props.grid.onRowMenu(row() ?? 0, event.currentTarget as HTMLElement, { x: event.clientX, y: event.clientY }, column);
  };
  const own = { place, widthOf: (column: Column) => props.widthOf(column), now: () => props.now };
  const cell = (column: Column, index: number, starts: boolean): JSX.Element => {
    const className = `cell${isNumber(column) ? " number" : ""}${starts ? " starts" : ""}`;
    if (column.id !== "status") return makeCell(own, column, `${className} plain`, index);
    return (
      <div class={className} role="gridcell" aria-colindex={index} data-cell={column.id} style={{ width: `${props.widthOf(column)}px` }}>
        <Show when={place()?.group ? groupStatus(place()?.group) : place()?.table.status[place()?.at ?? 0]}>{(word) => <Status status={word()} />}</Show>
      </div>
    );
  };
  return (
    <div
      role="row"
      id={row() === null ? undefined : `run-${row()}`}
      class="grid-row body"
      classList={{
        selected: selected(), active: row() === props.grid.active, hot: run() !== "" && props.grid.hot === run(), deleted: deleted(),
        group: place()?.group !== undefined, muted: props.grid.eyes && run() !== "" && !props.grid.marks.visible(run()),
      }}
      hidden={row() === null}
      aria-rowindex={row() === null ? undefined : (row() ?? 0) + 2}
      aria-selected={selected()}
      aria-level={props.grid.nested ? (place()?.depth ?? 0) + 1 : undefined}
      aria-expanded={props.grid.nested && place()?.below ? isOpen() : undefined}
      style={{ transform: `translateY(${(row() ?? 0) * props.rowHeight}px)` }}
      onClick={() => props.grid.onActive(row() ?? -1)}
      onContextMenu={menuAt}
      onPointerEnter={() => props.grid.onHot(run() || null)}
    >
      <div class="frozen" role="presentation">
        <div class="cell name-cell" role="gridcell" aria-colindex={1} data-cell="name">
          <Show when={place()} fallback={<span class="quiet">…</span>}>
            {(at) => <NameCell grid={props.grid} place={at()} row={row() ?? 0} run={run()} selected={selected()} open={isOpen()} statusColumn={props.statusColumn} />}
          </Show>
        </div>
        <For each={props.pinned}>{(column, i) => cell(column, i() + 2, false)}</For>
      </div>
      <div class="gap" role="presentation" style={{ width: `${props.before}px` }} />
      <For each={props.columns}>
        {(column, i) => cell(column, props.pinned.length + props.first + i() + 2, startsKind(props.columns, i()))}
      </For>
    </div>
  );
}

interface NameProps {
  grid: GridProps;
  place: RowPlace;
  row: number;
  run: string;
  selected: boolean;
  open: boolean;
  statusColumn: boolean;
}

function NameCell(props: NameProps): JSX.Element {
  const status = (): string => props.place.table.status[props.place.at] ?? "";
  const name = (): string => props.place.table.run_name[props.place.at] || props.run;
  return (
    <>
      <Show when={!props.place.group}>
        <input type="checkbox" tabindex="-1" checked={props.selected} aria-label={t("grid.select", { name: name() })}
          onClick={(event) => { event.stopPropagation(); props.grid.onSelect(props.row, event.shiftKey); }} />
      </Show>
      <Show when={props.grid.nested}>
        <span class="indent" style={{ width: `${props.place.depth * 16}px` }} />
        <Show when={props.place.below > 0} fallback={<span class="twist-space" />}>
          <button type="button" class="twist-button" tabindex="-1" aria-label={t(props.open ? "grid.close" : "grid.open", { n: props.place.below })}
            onClick={(event) => { event.stopPropagation(); props.grid.onToggle(props.row); }}>
            <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true" classList={{ turned: props.open }}>
              <path d="M3.2 1.5 6.8 5 3.2 8.5" fill="none" stroke="currentColor" stroke-width="1.6" />
            </svg>
          </button>
        </Show>
      </Show>
      <Show
        when={props.place.group}
        fallback={
          <>
            <Eye marks={props.grid.marks} run={props.run} name={name()} eyes={props.grid.eyes} />
            <Show when={!props.statusColumn && status()}>
              <span title={statusWord(status())}><StatusIcon status={status()} /></span>
            </Show>
            <a href={hrefOf(runPath(props.run))} tabindex="-1" class="run-name" title={name()} onClick={(event) => follow(event, runPath(props.run))}>{name()}</a>
            <Show when={props.place.below > 0}><span class="badge" title={t("grid.below", { n: props.place.below })}>{props.place.below}</span></Show>
          </>
        }
      >
        {(group) => (
          <>
            <span class="group-name" title={groupName(group(), props.grid.groupedBy)}>{groupName(group(), props.grid.groupedBy, true)}</span>
            <span class="badge">{t("group.runs", { n: group().runs })}</span>
          </>
        )}
      </Show>
    </>
  );
}

/** The status that makes a group. */
const groupStatus = (group: GroupPlace | undefined): string | null => group?.values["attributes.status"] ?? null;
