/** What a table view asks of a table, whatever it is read from. */

export interface SheetColumn {
  name: string;
  /** Its type, where one is known. */
  hint?: string;
  numeric: boolean;
  /** How many letters its values likely have, where none can be looked at before. */
  likely?: number;
}

export interface Sheet {
  columns: readonly SheetColumn[];
  rows: number;
  /** Cells of a column from row `from` up to `to`; null is nothing. */
  read: (column: number, from: number, to: number) => (string | null)[] | Promise<(string | null)[]>;
  /** Numbers of the rows that hold a text, where that can be told without reading more. */
  find?: (text: string) => number[];
}

const SAMPLE = 200;

/** A table in memory. */
export function sheetOf(table: { header: readonly string[]; rows: readonly (readonly string[])[] }): Sheet {
  const width = table.rows.slice(0, SAMPLE).reduce((most, row) => Math.max(most, row.length), table.header.length);
  const columns = Array.from({ length: width }, (_, i) => ({ name: table.header[i] ?? "", numeric: isNumeric(table.rows, i) }));
  return {
    columns,
    rows: table.rows.length,
    read: (column, from, to) => table.rows.slice(from, to).map((row) => row[column] ?? null),
    find: (text) => {
      const small = text.toLowerCase();
      return table.rows.flatMap((row, i) => (row.some((cell) => cell.toLowerCase().includes(small)) ? [i] : []));
    },
  };
}

function isNumeric(rows: readonly (readonly string[])[], column: number): boolean {
  const cells = rows.slice(0, SAMPLE).map((row) => row[column]?.trim() ?? "").filter((cell) => cell !== "");
  return cells.length > 0 && cells.every((cell) => /^(nan|inf|[-+]?inf(inity)?)$/i.test(cell) || !Number.isNaN(Number(cell)));
}

/** The rows of a sheet that are at `rows`. */
export function only(sheet: Sheet, rows: readonly number[]): Sheet {
  return {
    columns: sheet.columns,
    rows: rows.length,
    read: (column, from, to) => rows.slice(from, to).map((row) => (sheet.read(column, row, row + 1) as (string | null)[])[0] ?? null),
  };
}

/** Widths in pixels that fit names and the first cells. */
export function widthsOf(sheet: Sheet, samples: readonly (readonly (string | null)[])[]): number[] {
  return sheet.columns.map((column, i) => {
    const cells = samples[i] ?? [];
    const most = Math.max(spread(`${column.name} ${column.hint ?? ""}`), column.likely ?? 0, ...cells.slice(0, 60).map((cell) => spread(cell ?? "")));
    return Math.round(Math.min(360, Math.max(56, most * 7 + 24)));
  });
}

/** How many letters wide a text is; Korean ones are twice as wide. */
function spread(text: string): number {
  let width = 0;
  for (const letter of text.slice(0, 60)) width += letter > "\u2e80" ? 1.75 : 1;
  return width;
}
