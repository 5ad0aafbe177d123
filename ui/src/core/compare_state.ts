/** What is compared and how, in the address, so that a link shows the same. */

import type { Part } from "./columns";
import { SECTIONS, type KeyOrder } from "./comparison";

/** More runs than this are not compared: nobody reads them, and an address has an end. */
export const MOST_COMPARED = 200;

export type CompareTab = "values" | "artifacts";

export interface CompareState {
  runs: string[];
  /** Experiments that the runs are looked for in; all when none is named. */
  experiments: string[];
  /** The run that others are compared with; the first one when it is not among them. */
  baseline: string;
  search: string;
  all: boolean;
  order: KeyOrder;
  part: Part;
  closed: string[];
  tab: CompareTab;
  /** The artifact that is looked at. */
  path: string;
  /** Whether charts are shown; null as the window has room. */
  charts: boolean | null;
}

const OWN = ["runs", "e", "base", "q", "all", "order", "part", "closed", "tab", "path", "charts"];
const ORDERS: readonly KeyOrder[] = ["name", "-name", "difference"];
const PARTS: readonly Part[] = ["last", "min", "max", "first", "mean"];

const listed = (text: string | null): string[] => [...new Set((text ?? "").split(",").map((each) => each.trim()).filter(Boolean))];

/** The state of an address; what means nothing is as at first. */
export function parseCompare(search: string): CompareState {
  const query = new URLSearchParams(search);
  const text = (name: string): string => query.get(name) ?? "";
  return {
    runs: listed(query.get("runs")).slice(0, MOST_COMPARED),
    experiments: listed(query.get("e")),
    baseline: text("base"),
    search: text("q"),
    all: text("all") === "1",
    order: ORDERS.find((each) => each === text("order")) ?? "name",
    part: PARTS.find((each) => each === text("part")) ?? "last",
    closed: listed(query.get("closed")).filter((each) => (SECTIONS as readonly string[]).includes(each)),
    tab: text("tab") === "artifacts" ? "artifacts" : "values",
    path: text("path"),
    charts: text("charts") ? text("charts") === "1" : null,
  };
}

/** `search` with another state; what charts keep in it stays. */
export function withCompare(search: string, state: CompareState): string {
  const query = new URLSearchParams(search);
  for (const name of OWN) query.delete(name);
  const own = new URLSearchParams();
  const put = (name: string, value: string): void => { if (value) own.set(name, value); };
  put("runs", state.runs.join(","));
  put("e", state.experiments.join(","));
  put("base", state.baseline === state.runs[0] ? "" : state.baseline);
  put("q", state.search);
  put("all", state.all ? "1" : "");
  put("order", state.order === "name" ? "" : state.order);
  put("part", state.part === "last" ? "" : state.part);
  put("closed", state.closed.join(","));
  put("tab", state.tab === "values" ? "" : state.tab);
  put("path", state.path);
  put("charts", state.charts === null ? "" : state.charts ? "1" : "0");
  for (const [name, value] of query) own.append(name, value);
  const text = own.toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%7E", "~");
  return text ? `?${text}` : "";
}

/** The address that compares runs; with their experiments, where they are known, they are found faster. */
export function comparePath(runs: readonly string[], experiments: readonly string[] = []): string {
  return `/compare${withCompare("", { ...parseCompare(""), runs: runs.slice(0, MOST_COMPARED), experiments: [...experiments] })}`;
}
