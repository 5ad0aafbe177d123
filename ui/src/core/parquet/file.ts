/** A Parquet file, of which only the parts are read that are looked at: its end, then columns of groups of rows. */

import type { Part } from "../files";
import { unpack } from "./codecs";
import { readLeaves, type Leaf } from "./schema";
import { listAt, numberAt, structAt, textAt, ThriftReader, type Field, type Fields } from "./thrift";
import { checkCount, Cursor, readHybrid, readPlain, readValues, type Value } from "./values";

export type Read = (start: number, length: number) => Promise<Part>;

/** A cell: a value, nothing, or a list of cells. */
type Cell = Value | null | Cell[];

const TAIL = 64 * 1024;
const MOST_METADATA = 32 * 2 ** 20;
/** A column of one group of rows that is larger is not read. */
export const MOST_CHUNK = 48 * 2 ** 20;
const MOST_KEPT = 4_000_000;

interface Group {
  start: number;
  rows: number;
  columns: Map<string, Fields>;
}

export class ParquetFile {
  readonly rows: number;
  readonly columns: readonly Leaf[];
  readonly writtenBy: string;
  readonly #groups: Group[] = [];
  readonly #read: Read;
  readonly #chunks = new Map<string, { cells: Promise<Cell[]>; weight: number }>();

  constructor(metadata: Fields, read: Read) {
    this.#read = read;
    this.columns = readLeaves(maps(listAt(metadata, 2)));
    this.writtenBy = textAt(metadata, 6);
    let start = 0;
    for (const group of maps(listAt(metadata, 4))) {
      const rows = numberAt(group, 3) ?? 0;
      const columns = maps(listAt(group, 1)).map((chunk) => structAt(chunk, 3)).filter((each) => each !== undefined);
      this.#groups.push({ start, rows, columns: new Map(columns.map((each) => [pathOf(each), each])) });
      start += rows;
    }
    this.rows = start;
  }

  /** Reads the end of a file. */
  static async open(read: (start: number, length: number) => Promise<Part>): Promise<ParquetFile> {
    let tail = await read(-TAIL, TAIL);
    const size = tail.bytes.length;
    const mark = new TextDecoder("latin1").decode(tail.bytes.subarray(-4));
    if (mark === "PARE") throw new Error("The file is encrypted.");
    if (size < 12 || mark !== "PAR1") throw new Error("The file does not end as a Parquet file does.");
    const length = new DataView(tail.bytes.buffer, tail.bytes.byteOffset + size - 8, 4).getUint32(0, true);
    if (length > MOST_METADATA) throw new Error("The file's metadata are too long to be shown.");
    if (length + 8 > size) tail = await read(-length - 8, length + 8);
    const bytes = tail.bytes.subarray(tail.bytes.length - 8 - length, tail.bytes.length - 8);
    if (bytes.length < length) throw new Error("The file is shorter than it says.");
    return new ParquetFile(new ThriftReader(bytes).struct(), read);
  }

  /** Cells of a column as text, from row `from` up to `to`; null is nothing. */
  async cells(column: number, from: number, to: number): Promise<(string | null)[]> {
    const leaf = this.columns[column];
    if (!leaf) return [];
    const found: (string | null)[] = [];
    for (const [i, group] of this.#groups.entries()) {
      if (group.start + group.rows <= from || group.start >= to) continue;
      const cells = await this.#chunk(i, leaf);
      for (let row = Math.max(from, group.start); row < Math.min(to, group.start + group.rows); row++) {
        found.push(printCell(leaf, cells[row - group.start] ?? null));
      }
    }
    return found;
  }

  #chunk(index: number, leaf: Leaf): Promise<Cell[]> {
    const key = `${index} ${leaf.path}`;
    const known = this.#chunks.get(key);
    if (known) {
      // What was looked at last is kept longest.
      this.#chunks.delete(key);
      this.#chunks.set(key, known);
      return known.cells;
    }
    const group = this.#groups[index] as Group;
    const metadata = group.columns.get(leaf.path);
    const cells = metadata ? this.#load(metadata, leaf) : Promise.reject(new Error(`The file lacks column ${leaf.name}.`));
    this.#chunks.set(key, { cells, weight: group.rows });
    cells.catch(() => this.#chunks.delete(key));
    let kept = [...this.#chunks.values()].reduce((sum, chunk) => sum + chunk.weight, 0);
    for (const [old, chunk] of this.#chunks) {
      if (kept <= MOST_KEPT || old === key) break;
      this.#chunks.delete(old);
      kept -= chunk.weight;
    }
    return cells;
  }

  async #load(metadata: Fields, leaf: Leaf): Promise<Cell[]> {
    const data = numberAt(metadata, 9) ?? 0;
    const dictionary = numberAt(metadata, 11);
    const start = dictionary !== undefined && dictionary > 0 ? Math.min(dictionary, data) : data;
    const length = numberAt(metadata, 7) ?? 0;
    if (length > MOST_CHUNK) throw new Error(`Column ${leaf.name} holds ${Math.round(length / 2 ** 20)} MiB in one piece: too much to be shown.`);
    const { bytes } = await this.#read(start, length);
    return readChunk(bytes, leaf, numberAt(metadata, 4) ?? 0, numberAt(metadata, 5) ?? 0);
  }
}

const maps = (fields: Field[]): Fields[] => fields.filter((each) => each instanceof Map);
const pathOf = (metadata: Fields): string =>
  listAt(metadata, 3).map((part) => new TextDecoder().decode(part as Uint8Array)).join(".");

/** The cells of a column of one group of rows. */
async function readChunk(bytes: Uint8Array, leaf: Leaf, codec: number, count: number): Promise<Cell[]> {
  const rows = new Rows(leaf);
  let dictionary: Value[] | null = null;
  let [at, seen] = [0, 0];
  while (seen < count && at < bytes.length) {
    const thrift = new ThriftReader(bytes, at);
    const header = thrift.struct();
    const packed = bytes.subarray(thrift.at, thrift.at + (numberAt(header, 3) ?? 0));
    at = thrift.at + (numberAt(header, 3) ?? 0);
    const size = numberAt(header, 2) ?? 0;
    if (size > 8 * MOST_CHUNK) throw new Error("A page of the file is too large to be shown.");
    const [first, second, own] = [structAt(header, 5), structAt(header, 8), structAt(header, 7)];
    if (own) dictionary = readPlain(new Cursor(await unpack(packed, codec, size)), leaf.type, leaf.width, checkCount(numberAt(own, 1) ?? 0));
    else if (first) seen += readPage(rows, new Cursor(await unpack(packed, codec, size)), first, leaf, dictionary);
    else if (second) seen += await readPageTwo(rows, packed, size, second, leaf, codec, dictionary);
  }
  return rows.cells;
}

const widthOf = (most: number): number => 32 - Math.clz32(most);

/** A page of the first kind: levels and values packed together. Says how many entries it has. */
function readPage(rows: Rows, page: Cursor, header: Fields, leaf: Leaf, dictionary: Value[] | null): number {
  const count = checkCount(numberAt(header, 1) ?? 0);
  const levels = (most: number): number[] | null => (most ? readHybrid(new Cursor(page.take(page.int())), widthOf(most), count) : null);
  const repetition = levels(leaf.lists.length);
  const definition = levels(leaf.maxDefinition);
  return fill(rows, page, numberAt(header, 2) ?? 0, leaf, dictionary, { count, repetition, definition });
}

/** A page of the second kind: levels stand before what is packed. */
async function readPageTwo(
  rows: Rows, page: Uint8Array, size: number, header: Fields, leaf: Leaf, codec: number, dictionary: Value[] | null,
): Promise<number> {
  const count = checkCount(numberAt(header, 1) ?? 0);
  const [definitionSize, repetitionSize] = [numberAt(header, 5) ?? 0, numberAt(header, 6) ?? 0];
  const before = definitionSize + repetitionSize;
  const levels = (from: number, length: number, most: number): number[] | null =>
    most ? readHybrid(new Cursor(page.subarray(from, from + length)), widthOf(most), count) : null;
  const repetition = levels(0, repetitionSize, leaf.lists.length);
  const definition = levels(repetitionSize, definitionSize, leaf.maxDefinition);
  const packed = page.subarray(before);
  const values = header.get(7) === false ? packed : await unpack(packed, codec, size - before);
  return fill(rows, new Cursor(values), numberAt(header, 4) ?? 0, leaf, dictionary, { count, repetition, definition });
}

interface Levels {
  count: number;
  repetition: number[] | null;
  definition: number[] | null;
}

function fill(rows: Rows, page: Cursor, encoding: number, leaf: Leaf, dictionary: Value[] | null, levels: Levels): number {
  const { count, repetition, definition } = levels;
  const present = definition ? definition.reduce((sum, level) => sum + (level === leaf.maxDefinition ? 1 : 0), 0) : count;
  const values = readValues(page, encoding, leaf.type, leaf.width, present, dictionary);
  let next = 0;
  for (let i = 0; i < count; i++) {
    const level = definition ? (definition[i] as number) : leaf.maxDefinition;
    const value = level === leaf.maxDefinition ? (values[next++] ?? null) : null;
    rows.add(repetition ? (repetition[i] as number) : 0, level, value);
  }
  return count;
}

/** Puts values into rows, and lists of lists, by their levels. */
class Rows {
  readonly cells: Cell[] = [];
  readonly #lists: readonly number[];
  #open: Cell[][] = [];

  constructor(leaf: Leaf) {
    this.#lists = leaf.lists;
  }

  add(repetition: number, definition: number, value: Value | null): void {
    if (!this.#lists.length) {
      this.cells.push(value);
      return;
    }
    this.#open.length = repetition;
    for (let depth = repetition; depth < this.#lists.length; depth++) {
      const present = this.#lists[depth] as number;
      if (definition < present - 1) return this.#put(depth, null);
      const list: Cell[] = [];
      this.#put(depth, list);
      this.#open.push(list);
      if (definition < present) return;
    }
    this.#open.at(-1)?.push(value);
  }

  #put(depth: number, cell: Cell): void {
    const around = this.#open[depth - 1];
    if (around) around.push(cell);
    else this.cells.push(cell);
  }
}

const MOST_ITEMS = 50;

function printCell(leaf: Leaf, cell: Cell): string | null {
  if (cell === null) return null;
  if (!Array.isArray(cell)) return leaf.print(cell);
  const items = cell.slice(0, MOST_ITEMS).map((each) => printCell(leaf, each) ?? "null");
  return `[${items.join(", ")}${cell.length > MOST_ITEMS ? `, … (${cell.length})` : ""}]`;
}
