/** The menu of a column: sort, stand, which number of a metric, groups, width, hide. */

import { copy } from "../../app/notices";
import { t } from "../../app/prefs";
import { columnId, PARTS, withColumn } from "../../core/columns";
import { canGroup, withSort, type TableState } from "../../core/url_state";
import type { MenuItem, MenuItems } from "../../parts/menu";
import { column as columnById, type Columns } from "./layout";

export function columnMenu(id: string, state: TableState, change: (part: Partial<TableState>) => void, columns: Columns): MenuItems {
  const column = columnById(id);
  const sorts = id === "name" || column?.order ? sortItems(id, state, change) : [];
  if (!column) return sorts;
  const pinned = state.pinned.includes(id);
  const list = pinned ? state.pinned : columns.moving().map((each) => each.id);
  const at = list.indexOf(id);
  const grouped = state.group.includes(id);
  return [
    ...sorts,
    ...(sorts.length ? [null] : []),
    ...(column.kind === "metric" ? [{ label: t("columns.part"), items: partItems(column.key, id, columns) }] : []),
    ...(canGroup(id) ? [{
      label: t("group.by_this"), checked: grouped,
      run: () => change({ group: grouped ? state.group.filter((each) => each !== id) : [...state.group, id], open: [] }),
    }] : []),
    { label: t("columns.pin"), checked: pinned, run: () => columns.pin(id, !pinned) },
    { label: t("columns.left"), keys: "Alt+←", disabled: at <= 0, run: () => columns.move(id, list[at - 1] ?? null) },
    { label: t("columns.right"), keys: "Alt+→", disabled: at < 0 || at >= list.length - 1, run: () => columns.move(id, list[at + 2] ?? null) },
    { label: t("columns.own_width"), keys: "Alt+Shift+←→", disabled: state.widths[id] === undefined, run: () => columns.resize(id, NaN, true) },
    null,
    { label: t("columns.copy_name"), run: () => void copy(column.key) },
    { label: t("columns.hide"), run: () => columns.hide(id) },
  ];
}

function sortItems(id: string, state: TableState, change: (part: Partial<TableState>) => void): MenuItem[] {
  const mine = state.sort.find((each) => each.column === id);
  const others = state.sort.some((each) => each.column !== id);
  const item = (descending: boolean, add: boolean): MenuItem => ({
    label: t(`sort.${descending ? "down" : "up"}${add ? "_too" : ""}`),
    ...(add ? { keys: "Shift" } : { checked: mine?.descending === descending }),
    run: () => change({ sort: withSort(state.sort, id, descending, add) }),
  });
  return [
    item(false, false), item(true, false),
    ...(others ? [item(false, true), item(true, true)] : []),
    ...(mine ? [{ label: t("sort.none"), run: () => change({ sort: state.sort.filter((each) => each !== mine) }) }] : []),
  ];
}

function partItems(key: string, id: string, columns: Columns): MenuItem[] {
  return PARTS.map((part) => {
    const each = columnId("metric", key, part);
    const here = columns.shown().includes(each);
    return { label: t(`part.${part}`), checked: here, run: () => (here ? columns.hide(each) : columns.show(withColumn(columns.shown(), each, id))) };
  });
}
