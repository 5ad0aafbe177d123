/** What a reader chose for the charts, in the address beside what he chose for the table; all of it below `c.`. */

import type { Spread } from "./bands";
import type { Smoothing } from "./smooth";

/** How lines are shown: lines, or one band a group; "auto" adds a band where lines are too many to follow. */
export type Drawing = "auto" | "lines" | "bands";
export type Scope = "selected" | "first" | "all";
/** What is shown side by side; "" as the window has room. */
export type Pane = "" | "both" | "table" | "charts";

export interface ChartState {
  /** `step`, `relative`, `time`, or a metric as `m:loss`. */
  x: string;
  smoothing: Smoothing;
  strength: number;
  logX: boolean;
  logY: boolean;
  clip: boolean;
  scope: Scope;
  first: number;
  draw: Drawing;
  spread: Spread;
  /** A parameter, tag or attribute by which bands and colours go: `p:lr`; `none` for none, "" for what the table is grouped by. */
  group: string;
  range: readonly [number, number] | null;
  find: string;
  /** The panel that fills the window. */
  full: string;
  pane: Pane;
  /** Charts that the reader made, as `formatMade` writes them. */
  made: string[];
}

export const FIRST_CHARTS: ChartState = {
  x: "step", smoothing: "none", strength: 0.6, logX: false, logY: false, clip: false, scope: "selected", first: 10, draw: "auto", spread: "minmax",
  group: "", range: null, find: "", full: "", pane: "", made: [],
};

/** The choice of no groups, whatever the table is grouped by. */
export const NO_GROUPS = "none";

/** What charts are grouped by beside a table that is grouped by `rows`; "" for nothing. */
export function groupOfCharts(state: Pick<ChartState, "group">, rows: readonly string[]): string {
  return state.group === NO_GROUPS ? "" : state.group || (rows[0] ?? "");
}

const PREFIX = "c.";

/** The state that an address means; what means nothing is as at first. */
export function parseCharts(search: string): ChartState {
  const query = new URLSearchParams(search);
  const text = (name: string): string => query.get(PREFIX + name) ?? "";
  const among = <T extends string>(name: string, words: readonly T[], otherwise: T): T => words.find((word) => word === text(name)) ?? otherwise;
  const [smoothing, strength] = text("smooth").split("~");
  const x = text("x");
  const first = Number(text("first"));
  const range = text("zoom").split("~").map(Number);
  return {
    x: ["step", "relative", "time"].includes(x) || /^m:./.test(x) ? x : FIRST_CHARTS.x,
    smoothing: smoothing === "ema" || smoothing === "gaussian" ? smoothing : "none",
    strength: strength !== undefined && Number(strength) >= 0 && Number(strength) < 1 ? Number(strength) : FIRST_CHARTS.strength,
    logX: text("log").includes("x"),
    logY: text("log").includes("y"),
    clip: text("clip") === "1",
    scope: among("scope", ["selected", "first", "all"], FIRST_CHARTS.scope),
    first: Number.isInteger(first) && first > 0 && first <= 500 ? first : FIRST_CHARTS.first,
    draw: among("draw", ["auto", "lines", "bands"], FIRST_CHARTS.draw),
    spread: among("spread", ["minmax", "std", "deciles"], FIRST_CHARTS.spread),
    group: text("group"),
    range: range.length === 2 && (range[0] as number) < (range[1] as number) ? [range[0] as number, range[1] as number] : null,
    find: text("find"),
    full: text("full"),
    pane: among("pane", ["both", "table", "charts"], ""),
    made: query.getAll(`${PREFIX}chart`),
  };
}

/** `search` with another state of the charts; the table's part stays. */
export function withCharts(search: string, state: ChartState): string {
  const query = new URLSearchParams(search);
  for (const name of [...query.keys()]) if (name.startsWith(PREFIX)) query.delete(name);
  const put = (name: string, value: string, usual: string): void => { if (value !== usual) query.set(PREFIX + name, value); };
  put("x", state.x, FIRST_CHARTS.x);
  put("smooth", state.smoothing === "none" ? "" : `${state.smoothing}~${state.strength}`, "");
  put("log", (state.logX ? "x" : "") + (state.logY ? "y" : ""), "");
  put("clip", state.clip ? "1" : "", "");
  put("scope", state.scope, FIRST_CHARTS.scope);
  put("first", String(state.first), String(FIRST_CHARTS.first));
  put("draw", state.draw, FIRST_CHARTS.draw);
  put("spread", state.spread, FIRST_CHARTS.spread);
  put("group", state.group, "");
  put("zoom", state.range ? state.range.map((bound) => Number(bound.toPrecision(12))).join("~") : "", "");
  put("find", state.find, "");
  put("full", state.full, "");
  put("pane", state.pane, FIRST_CHARTS.pane);
  for (const each of state.made) query.append(`${PREFIX}chart`, each);
  const text = query.toString().replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%7E", "~");
  return text ? `?${text}` : "";
}

/** The table's `search` with the charts' part of `from`. */
export function keepCharts(search: string, from: string): string {
  return withCharts(search, parseCharts(from));
}
