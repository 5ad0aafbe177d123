/** The menu of a row, and of the cell it was opened at: copy, filter by its value, colour, charts, delete. */

import type { RunMarks } from "../../app/marks";
import { go, hrefOf } from "../../app/nav";
import { copy } from "../../app/notices";
import { t, theme } from "../../app/prefs";
import { PALETTE } from "../../core/color";
import { valueCell, type Column } from "../../core/columns";
import { clausesOf, joinClauses, quoteValue } from "../../core/query";
import { runPath } from "../../core/router";
import type { RowPlace } from "../../core/run_window";
import type { TableState } from "../../core/url_state";
import { cellOf, groupCell } from "../../grid/cells";
import type { MenuItem, MenuItems } from "../../parts/menu";
import type { Bulk } from "./bulk";

interface Given {
  place: RowPlace;
  column: Column | undefined;
  state: TableState;
  change: (part: Partial<TableState>) => void;
  marks: RunMarks;
  bulk: Bulk;
}

export function rowMenu(given: Given): MenuItems {
  const { place, marks, bulk } = given;
  const cell = cellItems(given);
  if (place.group) return cell;
  const run = place.table.run_id[place.at] ?? "";
  const deleted = place.table.lifecycle_stage[place.at] === "deleted";
  const visible = marks.visible(run);
  return [
    ...cell,
    ...(cell.length ? [null] : []),
    { label: t("row.open"), keys: "Enter", run: () => go(runPath(run)) },
    { label: t("row.copy_id"), run: () => void copy(run) },
    { label: t("row.copy_link"), run: () => void copy(new URL(hrefOf(runPath(run)), document.baseURI).href) },
    null,
    { label: t(visible ? "marks.hide_it" : "marks.show_it"), keys: "v", run: () => marks.toggle(run) },
    { label: t("row.only"), run: () => marks.showOnly([run]) },
    ...(marks.allShown() ? [] : [{ label: t("bulk.show_all"), run: () => marks.showAll() }]),
    { label: t("row.color"), items: colorItems(run, marks) },
    null,
    deleted ? { label: t("action.restore"), run: () => void bulk.restore([run]) } : { label: t("action.delete"), danger: true, run: () => void bulk.remove([run]) },
  ];
}

function colorItems(run: string, marks: RunMarks): MenuItem[] {
  return [
    ...PALETTE[theme()].map((color, i) => ({ label: t("row.color_n", { n: i + 1 }), color, checked: marks.color(run) === color, run: () => marks.setColor(run, color) })),
    { label: t("row.own_color"), disabled: !marks.chosen(run), run: () => marks.setColor(run, null) },
  ];
}

function cellItems({ place, column, state, change }: Given): MenuItem[] {
  if (!column) return [];
  const shown = place.group ? groupCell(place.group, column) : column.kind === "attribute" ? cellOf(place, column, Date.now()) : valueCell(place.table, place.at, column);
  const exact = shown.title || shown.text;
  const items: MenuItem[] = exact ? [{ label: t("row.copy_cell"), run: () => void copy(exact) }] : [];
  const clause = place.group ? null : clauseOf(place, column, "=");
  const other = place.group ? null : clauseOf(place, column, "!=");
  const add = (text: string): void => change({ filter: joinClauses([...clausesOf(wrapped(state.filter)), text]) });
  if (clause) items.push({ label: t("row.only_value"), run: () => add(clause) });
  if (other) items.push({ label: t("row.not_value"), run: () => add(other) });
  return items;
}

/** A filter with OR outside keeps its meaning among further clauses. */
const wrapped = (filter: string): string => (clausesOf(filter).length === 1 && /\bor\b/i.test(filter) ? `(${filter})` : filter);

/** The clause that asks for the value of a cell; null where a filter cannot. */
function clauseOf({ table, at }: RowPlace, column: Column, op: "=" | "!="): string | null {
  if (column.kind === "metric") {
    const value = table.metrics[column.name]?.[at];
    return typeof value === "number" ? `${column.order} ${op} ${value}` : null;
  }
  const texts = column.kind === "param" ? table.params[column.name] : column.kind === "tag" ? table.tags[column.name]
    : column.id === "status" ? table.status : column.id === "user_id" ? table.user_id : undefined;
  if (!texts) return null;
  const value = texts[at];
  if (value === null || value === undefined) return op === "=" ? `${column.order} IS NULL` : `${column.order} IS NOT NULL`;
  const quoted = quoteValue(value);
  return quoted === null ? null : `${column.order} ${op} ${quoted}`;
}
