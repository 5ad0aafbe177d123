/** The state of the runs table in the address, so that back, forward and a sent link show the same. */

import { columnOf } from "./columns";
import type { ViewType } from "./wire";

export interface Sort {
  column: string;
  descending: boolean;
}

export interface TableState {
  filter: string;
  sort: Sort | null;
  /** Shown columns in order, or null for the ones the data suggests. */
  columns: string[] | null;
  view: ViewType;
  /** The charted metric, or null for the first shown one. */
  metric: string | null;
}

export const EMPTY_STATE: TableState = { filter: "", sort: null, columns: null, view: "ACTIVE_ONLY", metric: null };

const VIEWS: Record<string, ViewType> = { deleted: "DELETED_ONLY", all: "ALL" };

/** The state an address's query means; unknown parts are left out. */
export function parseState(search: string): TableState {
  const query = new URLSearchParams(search);
  const columns = query.getAll("col").filter((id) => columnOf(id));
  return {
    filter: query.get("q") ?? "",
    sort: parseSort(query.get("sort")),
    columns: query.has("col") ? columns : null,
    view: VIEWS[query.get("view") ?? ""] ?? "ACTIVE_ONLY",
    metric: query.get("m"),
  };
}

function parseSort(text: string | null): Sort | null {
  if (!text) return null;
  const descending = text.startsWith("-");
  const column = descending ? text.slice(1) : text;
  return column === "name" || columnOf(column)?.order ? { column, descending } : null;
}

/** The query of a state, empty for the state a page starts with. */
export function formatState(state: TableState): string {
  const query = new URLSearchParams();
  if (state.filter) query.set("q", state.filter);
  if (state.sort) query.set("sort", (state.sort.descending ? "-" : "") + state.sort.column);
  const view = Object.keys(VIEWS).find((name) => VIEWS[name] === state.view);
  if (view) query.set("view", view);
  if (state.metric !== null) query.set("m", state.metric);
  if (state.columns) for (const id of state.columns.length ? state.columns : [""]) query.append("col", id);
  const text = query.toString().replaceAll("%3A", ":").replaceAll("%2F", "/");
  return text ? `?${text}` : "";
}

/** What the server sorts by. */
export function orderBy(sort: Sort | null): string[] {
  if (!sort) return [];
  const key = sort.column === "name" ? "attributes.run_name" : columnOf(sort.column)?.order;
  return key ? [`${key} ${sort.descending ? "DESC" : "ASC"}`] : [];
}

/** The sort after a click on a column: up, down, none. */
export function nextSort(sort: Sort | null, column: string): Sort | null {
  if (sort?.column !== column) return { column, descending: false };
  return sort.descending ? null : { column, descending: true };
}
