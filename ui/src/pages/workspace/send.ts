/** What a runs page shows, as one file to send to somebody: the table and the line charts. Loaded when it is asked for. */

import type { RunMarks } from "../../app/marks";
import { language, t, theme } from "../../app/prefs";
import { statusWord } from "../../app/status";
import { gapText } from "../../chart/LineChart";
import { axisName } from "../../chart/Board";
import { save } from "../../chart/save";
import { svgOf } from "../../chart/svg";
import { getCurves } from "../../core/api";
import { assignColors } from "../../core/color";
import type { ChartState } from "../../core/chart_state";
import { columnOf, type Column } from "../../core/columns";
import type { Curve } from "../../core/curves";
import { detail } from "../../core/curve_store";
import { fileName } from "../../core/csv";
import { exactMoment } from "../../core/format";
import { axisOf, makeModel, type ChartRun } from "../../core/lines";
import { finder } from "../../core/metric_names";
import { byName } from "../../core/order";
import type { RowPlace } from "../../core/run_window";
import { sheetColor, writeSheet, type Sheet, type SheetRow } from "../../core/sheet";
import { cellOf, groupCell, groupName } from "../../grid/cells";
import { columnLabel, isNumber } from "../../grid/Grid";
import "../../app/shell_texts";

export const MOST_ROWS = 1000;
export const MOST_CHARTS = 40;
/** Series a question, as many as charts on the page ask for. */
const MOST_SERIES = 1200;
const [WIDTH, HEIGHT] = [460, 240];

export interface Sent {
  title: string;
  filter: string;
  state: ChartState;
  /** The runs whose lines are drawn; none where the page shows no charts. */
  charted: readonly ChartRun[];
  store: string;
  address: string;
  columns: readonly Column[];
  groupedBy: readonly { name: string; label: string }[];
  sorting: string;
  metrics: readonly string[];
  marks: RunMarks;
  /** Whether the page shows a table. */
  table: boolean;
  rows: (first: number, last: number) => Promise<{ rows: RowPlace[]; total: number }>;
}

/** Makes the file and gives it to the reader. */
export async function sendPage(sent: Sent, now: number): Promise<void> {
  const [{ rows, total }, drawn] = await Promise.all([sent.table ? sent.rows(0, MOST_ROWS) : { rows: [], total: 0 }, chartsOf(sent)]);
  const facts: [string, string][] = [[t("page.time"), exactMoment(now, language())]];
  if (sent.store) facts.push([t("page.store"), sent.store]);
  facts.push([t("page.address"), sent.address], [t("page.filter"), sent.filter || t("page.none")]);
  if (sent.sorting) facts.push([t("page.sort"), sent.sorting]);
  if (sent.groupedBy.length) facts.push([t("page.groups"), sent.groupedBy.map(({ label }) => label).join(", ")]);
  const sheet: Sheet = {
    language: language(), title: sent.title, facts, nameLabel: t("page.which"), columns: sent.columns.map((column) => ({ label: columnLabel(column), number: isNumber(column) })),
    rows: rows.map((row) => rowOf(row, sent, now)), rowsNote: rows.length < total ? t("page.rows", { n: rows.length, all: total }) : "",
    chartsTitle: t("plot.charts"), charts: drawn.charts, chartsNote: drawn.note,
  };
  save(fileName(sent.title, "html"), new Blob([writeSheet(sheet)], { type: "text/html" }));
}

function rowOf(place: RowPlace, sent: Sent, now: number): SheetRow {
  const { group, table, at, depth } = place;
  if (group) return { name: `${groupName(group, sent.groupedBy)} (${t("group.runs", { n: group.runs })})`, depth, color: "", cells: sent.columns.map((column) => groupCell(group, column)) };
  const id = table.run_id[at] ?? "";
  return {
    name: table.run_name[at] || id, depth, color: sent.marks.color(id),
    cells: sent.columns.map((column) => (column.id === "status" ? { text: statusWord(table.status[at] ?? ""), title: "" } : cellOf(place, column, now))),
  };
}

interface Drawn {
  charts: Sheet["charts"];
  note: string;
}

async function chartsOf(sent: Sent): Promise<Drawn> {
  const all = sent.metrics.filter(finder(sent.state.find)).sort(byName);
  const metrics = all.slice(0, MOST_CHARTS);
  const runs = sent.charted;
  if (metrics.length === 0 || runs.length === 0) return { charts: [], note: "" };
  const across = sent.state.x.startsWith("m:") ? sent.state.x.slice(2) : null;
  const curves = await curvesOf(sent, runs, across === null || metrics.includes(across) ? metrics : [...metrics, across]);
  const colors = assignColors([...new Set(runs.map((run) => run.group))].sort(byName), theme());
  const charts = metrics.flatMap((metric, at) => {
    const found = makeModel({
      metric, runs, curves: curves.get(metric) ?? new Map<string, Curve>(), across: across === null ? null : (curves.get(across) ?? new Map<string, Curve>()),
      state: sent.state, axisName: axisName(sent.state.x), colorOf: (group) => colors.get(group) ?? "#2f6fde", everyone: t("plot.all_runs"),
    });
    if (found.lines.length === 0 && found.bands.length === 0) return [];
    const model = { ...found, lines: found.lines.map((line) => ({ ...line, color: sheetColor(line.color) })), bands: found.bands.map((band) => ({ ...band, color: sheetColor(band.color) })) };
    const style = { ink: "var(--quiet)", grid: "var(--grid)", surface: "var(--surface)", bad: "var(--bad)", font: "11px sans-serif" };
    return [{ title: metric, svg: svgOf(model, WIDTH, HEIGHT, style, `c${at}-`), note: gapText(found) }];
  });
  const notes = [t("page.charted", { n: runs.length }), ...(metrics.length < all.length ? [t("page.charts", { n: metrics.length, all: all.length })] : [])];
  return { charts, note: notes.join(" ") };
}

/** Curves by metric and run. */
async function curvesOf(sent: Sent, runs: readonly ChartRun[], keys: readonly string[]): Promise<Map<string, Map<string, Curve>>> {
  const { range, x } = sent.state;
  const axis = axisOf(x);
  const shown = x.startsWith("m:") ? null : range;
  const found = new Map<string, Map<string, Curve>>(keys.map((key) => [key, new Map<string, Curve>()]));
  const each = Math.max(1, Math.floor(MOST_SERIES / runs.length));
  for (let first = 0; first < keys.length; first += each) {
    const some = await getCurves({
      run_ids: runs.map((run) => run.id), keys: keys.slice(first, first + each), x: axis === "number" ? "step" : axis, low: shown ? Math.floor(shown[0]) : null,
      high: shown ? Math.ceil(shown[1]) : null, since: [], ...detail(runs.length, WIDTH), exact: true,
    });
    for (const curve of some) found.get(curve.key)?.set(curve.run, curve);
  }
  return found;
}

/** What the table is sorted by, in words. */
export function sortingText(sort: readonly { column: string; descending: boolean }[]): string {
  return sort.map(({ column, descending }) => {
    const found = columnOf(column);
    return `${column === "name" ? t("column.name") : found ? columnLabel(found) : column} ${descending ? "↓" : "↑"}`;
  }).join(", ");
}
