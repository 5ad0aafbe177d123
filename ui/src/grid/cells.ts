/** What the cells of the runs table say, in the reader's language. */

import { durationWords, language, t } from "../app/prefs";
import { durationOf, valueCell, type Cell, type Column } from "../core/columns";
import { exactMoment, exactNumber, formatDuration, formatMoment, formatNumber } from "../core/format";
import type { GroupPlace, RowPlace } from "../core/run_window";
import { toNumber } from "../core/wire";

/** What column `column` shows for a run; the status has an element of its own. */
export function cellOf({ table, at }: RowPlace, column: Column, now: number): Cell {
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
    case "status":
      return { text: table.status[at] ?? "", title: "" };
    default:
      return { text: table.user_id[at] ?? "", title: table.user_id[at] ?? "" };
  }
}

/** What a column shows for a group: the mean of a metric with its spread, or the value that makes the group. */
export function groupCell(group: GroupPlace, column: Column): Cell {
  if (column.kind !== "metric") {
    const value = group.values[column.wanted ?? column.order ?? ""];
    return value === null || value === undefined ? { text: "", title: "" } : { text: value, title: value };
  }
  const stats = group.stats(column.name);
  const mean = toNumber(stats?.mean);
  if (!stats || mean === null) return { text: "", title: "" };
  const [std, min, max] = [toNumber(stats.std), toNumber(stats.min), toNumber(stats.max)];
  const title = t("group.stats", {
    n: stats.count, mean: exactNumber(mean), std: std === null ? "–" : exactNumber(std), min: exactNumber(min), max: exactNumber(max),
  });
  return { text: formatNumber(mean), ...(std === null ? {} : { more: `± ${formatSpread(std)}` }), title };
}

/** Two digits tell how far values spread. */
function formatSpread(std: number): string {
  return formatNumber(Number.isFinite(std) ? Number(std.toPrecision(2)) : std);
}

/** The values that make a group, each with what it is a value of; `brief`: where that is told beside, not of a single one. */
export function groupName(group: GroupPlace, by: readonly { name: string; label: string }[], brief = false): string {
  const words = by.map(({ name, label }) => {
    const value = group.values[name] ?? null;
    const word = value === null ? t("group.none") : value === "" ? t("group.empty") : value;
    return brief && by.length === 1 ? word : `${label}: ${word}`;
  });
  return words.join(" · ");
}
