/** Several runs side by side: one line a key, and which lines and cells differ from the baseline. */

import { quoteKey, type Part } from "./columns";
import { byName } from "./order";
import { toNumber, type RunTable } from "./wire";

export type Section = "params" | "metrics" | "tags" | "code" | "packages";
export const SECTIONS: readonly Section[] = ["params", "metrics", "tags", "code", "packages"];

/** What a run has under a key; null where it has nothing. */
export type Value = string | number | null;

export interface Line {
  /** Unique among all lines. */
  id: string;
  section: Section;
  key: string;
  /** In the order of the runs. */
  values: readonly Value[];
  differs: boolean;
}

/** What tags say of where a run's code came from; the others are told under tags. */
export const CODE_TAGS: readonly string[] = [
  "mlflow.source.git.commit", "mlflow.source.git.branch", "mlflow.source.git.repoURL", "mlflow.source.git.dirty", "mlflow.source.git.diff",
  "mlflow.source.name", "mlflow.source.type", "mlflow.project.entryPoint", "mlflow.project.backend", "mlflow.project.env", "mlflow.docker.image.uri",
  "mlflow.docker.image.id", "mlflow.user",
];
/** Tags that stand elsewhere on the page, or are the storage's own. */
const HIDDEN_TAGS = new Set(["mlflow.runName", "mlflow.log-model.history"]);

/** Equal as a reader means it: NaN is NaN. */
export const same = (a: Value, b: Value): boolean => Object.is(a, b) || (a === 0 && b === 0);

function lineOf(section: Section, key: string, values: Value[]): Line {
  return { id: `${section} ${key}`, section, key, values, differs: values.some((value) => !same(value, values[0] ?? null)) };
}

/** The names that a table is asked for, to have another number than the last of each metric. */
export const partColumns = (keys: readonly string[], part: Part): string[] =>
  keys.map((key) => (part === "last" ? `metrics.${quoteKey(key)}` : `metrics.\`${key}\`.${part}`));

/**
 * A line for each key that one of the runs has. `parts` has other numbers of the metrics than the last, under
 * `key.part`; a run that is in neither table has nothing.
 */
export function linesOf(runs: readonly string[], table: RunTable, part: Part, parts: RunTable | undefined): Line[] {
  const at = placesOf(runs, table);
  const chosen = part === "last" ? table : parts;
  const chosenAt = chosen ? placesOf(runs, chosen) : [];
  const lines: Line[] = [];
  for (const [key, column] of Object.entries(table.params)) lines.push(lineOf("params", key, at.map((i) => column[i] ?? null)));
  for (const key of Object.keys(table.metrics)) {
    const column = chosen?.metrics[part === "last" ? key : `${key}.${part}`];
    lines.push(lineOf("metrics", key, chosenAt.map((i) => toNumber(column?.[i]))));
  }
  for (const [key, column] of Object.entries(table.tags)) {
    if (!HIDDEN_TAGS.has(key)) lines.push(lineOf(CODE_TAGS.includes(key) ? "code" : "tags", key, at.map((i) => column[i] ?? null)));
  }
  return lines.filter((line) => line.values.some((value) => value !== null));
}

function placesOf(runs: readonly string[], table: RunTable): number[] {
  const place = new Map(table.run_id.map((id, i) => [id, i]));
  return runs.map((id) => place.get(id) ?? -1);
}

/** A line for each package that one of the runs' environments names: what it says of the version. */
export function packageLines(environments: readonly (ReadonlyMap<string, string> | undefined)[]): Line[] {
  const names = new Set(environments.flatMap((each) => [...(each?.keys() ?? [])]));
  return [...names].map((name) => lineOf("packages", name, environments.map((each) => each?.get(name) ?? null)));
}

export type KeyOrder = "name" | "-name" | "difference";

export interface Shown {
  search: string;
  /** Also lines that are the same for all runs. */
  all: boolean;
  order: KeyOrder;
  closed: ReadonlySet<string>;
}

/** A row of the comparison: a section's head with its counts, or a line. */
export type Row = { section: Section; shown: number; of: number; open: boolean } | Line;

export const isHead = (row: Row): row is Exclude<Row, Line> => "of" in row;

/** The rows to show. Of a section nothing is left out but what the reader asked to leave out; its head counts that. */
export function rowsOf(lines: readonly Line[], { search, all, order, closed }: Shown): Row[] {
  const wanted = search.trim().toLowerCase();
  const compare = comparerOf(order);
  return SECTIONS.flatMap((section): Row[] => {
    const own = lines.filter((line) => line.section === section);
    if (own.length === 0) return [];
    const shown = own.filter((line) => (all || line.differs) && (!wanted || line.key.toLowerCase().includes(wanted))).sort(compare);
    const open = !closed.has(section);
    return [{ section, shown: shown.length, of: own.length, open }, ...(open ? shown : [])];
  });
}

function comparerOf(order: KeyOrder): (a: Line, b: Line) => number {
  if (order === "name") return codeFirst;
  if (order === "-name") return (a, b) => byName(b.key, a.key);
  const amount = new Map<Line, number>();
  const of = (line: Line): number => {
    let found = amount.get(line);
    if (found === undefined) amount.set(line, (found = difference(line.values)));
    return found;
  };
  return (a, b) => of(b) - of(a) || byName(a.key, b.key);
}

/** Names in order; of code, the commit before the rest. */
function codeFirst(a: Line, b: Line): number {
  if (a.section !== "code") return byName(a.key, b.key);
  return CODE_TAGS.indexOf(a.key) - CODE_TAGS.indexOf(b.key);
}

/**
 * How much values differ: of numbers their spread by the largest, 0 to 2; else how many there are, counted the
 * same way, 0 to 1. What some runs lack makes half a step more.
 */
export function difference(values: readonly Value[]): number {
  const found = values.filter((value) => value !== null);
  if (found.length === 0) return 0;
  const lacking = found.length < values.length ? 0.5 : 0;
  const numbers = found.map(numberOf);
  if (numbers.every((value) => value !== null && Number.isFinite(value))) {
    const largest = numbers.reduce((most: number, value) => Math.max(most, Math.abs(value ?? 0)), 0);
    const [low, high] = [Math.min(...(numbers as number[])), Math.max(...(numbers as number[]))];
    return (largest === 0 ? 0 : high / largest - low / largest) + lacking;
  }
  const distinct = new Set(found.map(String)).size;
  return (found.length > 1 ? (distinct - 1) / (found.length - 1) : 0) + lacking;
}

/** A value as a number where it is written as one, as parameters are; else null. */
export function numberOf(value: Value): number | null {
  if (typeof value === "number") return value;
  if (value === null || !/^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i.test(value)) return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** Sections whose numbers have a distance. */
export const MEASURED: ReadonlySet<Section> = new Set<Section>(["params", "metrics"]);

/** How far a number is from the baseline's; null where one of both is none, or they are the same. */
export function deltaOf(value: Value, baseline: Value): number | null {
  const [a, b] = [numberOf(value), numberOf(baseline)];
  if (a === null || b === null || !Number.isFinite(a) || !Number.isFinite(b) || a === b) return null;
  const delta = a - b;
  return Number.isFinite(delta) ? delta : null;
}

/** The runs in the order of their values in a line: numbers before words before nothing. */
export function orderByValue(runs: readonly string[], values: readonly Value[], descending: boolean): string[] {
  const rank = (value: Value): number => (value === null || Number.isNaN(value) ? 2 : numberOf(value) === null ? 1 : 0);
  return runs
    .map((run, i) => ({ run, value: values[i] ?? null }))
    .sort((a, b) => {
      const [x, y] = [rank(a.value), rank(b.value)];
      if (x !== y) return x - y;
      if (x === 2) return 0;
      const by = x === 0 ? (numberOf(a.value) ?? 0) - (numberOf(b.value) ?? 0) : byName(String(a.value), String(b.value));
      return descending ? -by : by;
    })
    .map((each) => each.run);
}

/** The comparison as the rows of a CSV file: kind and key, then a column a run. */
export function csvRows(rows: readonly Row[], runs: readonly { id: string; name: string }[]): (string | number | null)[][] {
  return [
    ["section", "key", ...runs.map((run) => run.name)],
    ["", "run_id", ...runs.map((run) => run.id)],
    ...rows.filter((row): row is Line => !isHead(row)).map((line) => [line.section, line.key, ...line.values]),
  ];
}

/** `runs` with one put before another; to the end for null. */
export function movedRun(runs: readonly string[], run: string, before: string | null): string[] {
  if (run === before) return [...runs];
  const rest = runs.filter((each) => each !== run);
  const at = before === null ? -1 : rest.indexOf(before);
  rest.splice(at < 0 ? rest.length : at, 0, run);
  return rest;
}
