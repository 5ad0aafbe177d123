/** Parquet as a table, of which only the columns and rows in sight are read. */

import { onCleanup, type JSX } from "solid-js";
import { readPart } from "../core/files";
import { ParquetFile } from "../core/parquet/file";
import type { Sheet } from "./sheet";
import { TableView } from "./TableView";
import { Loading, loadFile, type ViewProps } from "./view";

export function ParquetView(props: ViewProps): JSX.Element {
  const stop = new AbortController();
  onCleanup(() => stop.abort());
  const loaded = loadFile(props, (address) => ParquetFile.open((start, length) => readPart(address, start, length, stop.signal)));
  const sheet = (file: ParquetFile): Sheet => ({
    columns: file.columns.map((column) => {
      const list = column.lists.length > 0;
      return { name: column.name, hint: list ? `list<${column.words}>` : column.words, numeric: column.numeric && !list, likely: list ? 24 : likelyWidth(column.words) };
    }),
    rows: file.rows,
    read: (column, from, to) => file.cells(column, from, to),
  });
  return <Loading path={props.path} loaded={loaded}>{(file) => <TableView sheet={sheet(file())} note={file().writtenBy.slice(0, 60)} />}</Loading>;
}

const WIDTHS: [RegExp, number][] = [[/^timestamp/, 24], [/^(string|json)/, 22], [/^(double|u?int64|binary|time)/, 16], [/^(date|float|decimal)/, 11]];

const likelyWidth = (words: string): number => WIDTHS.find(([pattern]) => pattern.test(words))?.[1] ?? 8;
