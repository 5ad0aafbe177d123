/** The state of the runs table in the address, so that back, forward and a sent link show the same. */

import { columnOf } from "./columns";
import type { ViewType } from "./wire";

export interface Sort {
  column: string;
  descending: boolean;
}

/** How the columns stand; this part of the state is remembered too. */
export interface Layout {
  /** Shown columns in order, or null for the ones the data suggests. */
  columns: string[] | null;
  /** Columns that stay in place sideways, in order. */
  pinned: string[];
  /** Widths in pixels, of columns that were resized; `name` is that of the names. */
  widths: Record<string, number>;
}

export interface TableState extends Layout {
  filter: string;
  /** Only runs of these; all for none. */
  status: string[];
  /** Only runs that started so long ago at most, such as `24h`. */
  since: string | null;
  /** The weightiest first. */
  sort: Sort[];
  view: ViewType;
  /** The charted metric, or null for the first shown one. */
  metric: string | null;
  /** Columns (parameters, tags, attributes) whose values make groups. */
  group: string[];
  /** Whether child runs stand by themselves instead of below their parents. */
  flat: boolean;
  /** Rows that are open: ids of runs and groups. */
  open: string[];
}

export const NO_LAYOUT: Layout = { columns: null, pinned: [], widths: {} };
export const EMPTY_STATE: TableState = {
  ...NO_LAYOUT, filter: "", status: [], since: null, sort: [], view: "ACTIVE_ONLY", metric: null, group: [], flat: false, open: [],
};

export const LEAST_WIDTH = 56;
export const MOST_WIDTH = 900;

const VIEWS: Record<string, ViewType> = { deleted: "DELETED_ONLY", all: "ALL" };
export const STATUSES: readonly string[] = ["RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED"];
export const SINCES = ["1h", "24h", "7d", "30d"] as const;
const UNGROUPABLE = ["start_time", "end_time", "duration", "run_id"];

/** The state an address's query means; unknown parts are left out. */
export function parseState(search: string): TableState {
  const query = new URLSearchParams(search);
  const known = (name: string): string[] => [...new Set(query.getAll(name))].filter((id) => columnOf(id));
  return {
    filter: query.get("q") ?? "",
    status: [...new Set(query.getAll("status"))].filter((each) => STATUSES.includes(each)),
    since: SINCES.find((each) => each === query.get("since")) ?? null,
    sort: query.getAll("sort").map(parseSort).filter((each) => each !== null),
    columns: query.has("col") ? known("col") : null,
    pinned: known("pin"),
    widths: Object.fromEntries(query.getAll("w").map(parseWidth).filter((each) => each !== null)),
    view: VIEWS[query.get("view") ?? ""] ?? "ACTIVE_ONLY",
    metric: query.get("m"),
    group: known("group").filter(canGroup),
    flat: query.has("flat"),
    open: query.getAll("open"),
  };
}

/** Whether runs can be grouped by a column: not by numbers that differ in every run. */
export function canGroup(id: string): boolean {
  const column = columnOf(id);
  return column !== null && column.kind !== "metric" && !UNGROUPABLE.includes(id);
}

function parseSort(text: string): Sort | null {
  const descending = text.startsWith("-");
  const column = descending ? text.slice(1) : text;
  return column === "name" || columnOf(column)?.order ? { column, descending } : null;
}

function parseWidth(text: string): [string, number] | null {
  const at = text.lastIndexOf("~");
  const [id, width] = [text.slice(0, at), Number(text.slice(at + 1))];
  return (id === "name" || columnOf(id)) && width >= LEAST_WIDTH && width <= MOST_WIDTH ? [id, width] : null;
}

/** The query of a state, empty for the state a page starts with. */
export function formatState(state: TableState): string {
  const query = new URLSearchParams();
  if (state.filter) query.set("q", state.filter);
  for (const status of state.status) query.append("status", status);
  if (state.since) query.set("since", state.since);
  for (const { column, descending } of state.sort) query.append("sort", (descending ? "-" : "") + column);
  const view = Object.keys(VIEWS).find((name) => VIEWS[name] === state.view);
  if (view) query.set("view", view);
  if (state.metric !== null) query.set("m", state.metric);
  for (const id of state.group) query.append("group", id);
  if (state.flat) query.set("flat", "1");
  for (const id of state.open) query.append("open", id);
  addLayout(query, state);
  return asSearch(query);
}

function addLayout(query: URLSearchParams, layout: Layout): void {
  if (layout.columns) for (const id of layout.columns.length ? layout.columns : [""]) query.append("col", id);
  for (const id of layout.pinned) query.append("pin", id);
  for (const [id, width] of Object.entries(layout.widths)) query.append("w", `${id}~${Math.round(width)}`);
}

function asSearch(query: URLSearchParams): string {
  const text = query.toString().replaceAll("%3A", ":").replaceAll("%2F", "/");
  return text ? `?${text}` : "";
}

/** A layout as a text to remember. */
export function formatLayout(layout: Layout): string {
  const query = new URLSearchParams();
  addLayout(query, layout);
  return asSearch(query);
}

/** Whether an address says nothing of columns, so that the remembered ones hold. */
export function hasNoLayout(state: Layout): boolean {
  return state.columns === null && state.pinned.length === 0 && Object.keys(state.widths).length === 0;
}

/** The clauses that status and time make; `now` in ms. */
export function quickClauses(state: Pick<TableState, "status" | "since">, now: number): string[] {
  const status = state.status.map((each) => `attributes.status = '${each}'`).join(" OR ");
  const hours = state.since ? Number.parseInt(state.since, 10) * (state.since.endsWith("d") ? 24 : 1) : 0;
  return [
    ...(status ? [state.status.length > 1 ? `(${status})` : status] : []),
    ...(hours ? [`attributes.start_time >= ${now - hours * 3_600_000}`] : []),
  ];
}

/** What the server sorts by; `numeric` says which parameters are numbers. */
export function orderBy(sorts: readonly Sort[], numeric: ReadonlySet<string> = new Set()): string[] {
  return sorts.flatMap(({ column: id, descending }) => {
    const column = columnOf(id);
    const key = id === "name" ? "attributes.run_name" : column?.order;
    if (!key) return [];
    const by = column?.kind === "param" && numeric.has(column.key) ? `number(${key})` : key;
    return [`${by} ${descending ? "DESC" : "ASC"}`];
  });
}

/** The sort after a click on a column: up, down, none. With `add` it joins the columns that are sorted by already. */
export function nextSort(sorts: readonly Sort[], column: string, add = false): Sort[] {
  const mine = sorts.find((each) => each.column === column);
  if (!add) return mine && sorts[0] === mine ? (mine.descending ? [] : [{ column, descending: true }]) : [{ column, descending: false }];
  if (!mine) return [...sorts, { column, descending: false }];
  if (mine.descending) return sorts.filter((each) => each !== mine);
  return sorts.map((each) => (each === mine ? { column, descending: true } : each));
}

/** With a column sorted in a direction: alone, or with `add` as the last of several. */
export function withSort(sorts: readonly Sort[], column: string, descending: boolean, add = false): Sort[] {
  if (!add) return [{ column, descending }];
  const there = sorts.some((each) => each.column === column);
  return there ? sorts.map((each) => (each.column === column ? { column, descending } : each)) : [...sorts, { column, descending }];
}
