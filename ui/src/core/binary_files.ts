/** What the bytes of files tell that are no text: arrays of NumPy, archives, and bytes themselves. */

import { readPart, type Part } from "./files";

export interface ArrayFacts {
  dtype: string;
  shape: number[];
  fortran: boolean;
  /** Of the first numbers of the file, as many as were read. */
  values: number[] | bigint[] | null;
  read: number;
  count: number;
}

/** What an `.npy` file's first bytes say; null where they are none. */
export function readNpy(bytes: Uint8Array): ArrayFacts | null {
  if (bytes.length < 10 || String.fromCharCode(...bytes.subarray(1, 6)) !== "NUMPY" || bytes[0] !== 0x93) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = (bytes[6] ?? 1) > 1;
  const start = wide ? 12 : 10;
  if (bytes.length < start) return null;
  const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder().decode(bytes.subarray(start, end));
  const dtype = /'descr':\s*(?:'([^']+)'|(\[.*\]))/.exec(header);
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header);
  if (!dtype || !shape) return null;
  const sizes = (shape[1] ?? "").split(",").map((each) => each.trim()).filter(Boolean).map(Number);
  const count = sizes.reduce((product, size) => product * size, 1);
  const kind = dtype[1] ?? "";
  const values = kind ? numbersOf(bytes.subarray(end), kind, count) : null;
  return { dtype: dtypeName(kind) || dtype[2] || kind, shape: sizes, fortran: /'fortran_order':\s*True/.test(header), values, read: values?.length ?? 0, count };
}

const NAMES: Record<string, string> = { f: "float", i: "int", u: "uint", c: "complex" };

function dtypeName(kind: string): string {
  const found = /^([<>|=])([a-zA-Z])(\d+)$/.exec(kind);
  if (!found) return kind;
  const [, order, letter = "", size] = found;
  if (letter === "b") return "bool";
  const name = NAMES[letter] ? `${NAMES[letter]}${Number(size) * 8}` : `${letter}${size}`;
  return order === ">" ? `${name} (big-endian)` : name;
}

function numbersOf(bytes: Uint8Array, kind: string, count: number): number[] | bigint[] | null {
  const found = /^([<>|=])([fiub])(\d+)$/.exec(kind);
  if (!found) return null;
  const [, order, letter, width] = found;
  const size = Number(width);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = order !== ">";
  const readers: Record<string, (at: number) => number | bigint> = {
    f4: (at) => view.getFloat32(at, little), f8: (at) => view.getFloat64(at, little), f2: (at) => half(view.getUint16(at, little)),
    i1: (at) => view.getInt8(at), i2: (at) => view.getInt16(at, little), i4: (at) => view.getInt32(at, little), i8: (at) => view.getBigInt64(at, little),
    u1: (at) => view.getUint8(at), u2: (at) => view.getUint16(at, little), u4: (at) => view.getUint32(at, little), u8: (at) => view.getBigUint64(at, little),
    b1: (at) => view.getUint8(at),
  };
  const read = readers[`${letter}${size}`];
  if (!read) return null;
  const n = Math.min(count, Math.floor(bytes.length / size));
  return Array.from({ length: n }, (_, i) => read(i * size)) as number[] | bigint[];
}

function half(bits: number): number {
  const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

export interface Statistics {
  min: number | bigint | null;
  max: number | bigint | null;
  mean: number | null;
  nan: number;
}

export function statisticsOf(values: readonly (number | bigint)[]): Statistics {
  let [min, max, sum, nan, n]: [number | bigint | null, number | bigint | null, number, number, number] = [null, null, 0, 0, 0];
  for (const value of values) {
    if (typeof value === "number" && Number.isNaN(value)) nan += 1;
    else {
      if (min === null || value < min) min = value;
      if (max === null || value > max) max = value;
      sum += Number(value);
      n += 1;
    }
  }
  return { min, max, mean: n ? sum / n : null, nan };
}

export interface ArchiveEntry {
  name: string;
  size: number;
  packed: number;
  time: string;
}

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const MOST_DIRECTORY = 8 * 2 ** 20;

/** What a zip file holds, told by its end, of which alone is read; null where it is none. */
export async function listZip(address: string, signal?: AbortSignal): Promise<ArchiveEntry[] | null> {
  const tail = await readPart(address, -65_557, 65_557, signal);
  const end = findEnd(tail.bytes);
  if (!end) return null;
  const [size, start] = end;
  const have = tail.total === null ? -1 : start - (tail.total - tail.bytes.length);
  const inside = have >= 0 && have + size <= tail.bytes.length;
  const directory: Part = inside ? { bytes: tail.bytes.subarray(have, have + size), total: null } : await readPart(address, start, Math.min(size, MOST_DIRECTORY), signal);
  return readDirectory(directory.bytes);
}

/** Length and place of the directory. */
function findEnd(bytes: Uint8Array): [number, number] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = bytes.length - 22; at >= 0; at--) {
    if (view.getUint32(at, true) !== END) continue;
    const [size, start] = [view.getUint32(at + 12, true), view.getUint32(at + 16, true)];
    if (start !== 0xffffffff) return [size, start];
    // Zip64: the true numbers stand in a record before, which the locator before this one leads to.
    for (let far = at - 20; far >= 0; far--) {
      if (view.getUint32(far, true) === 0x06064b50) return [Number(view.getBigUint64(far + 40, true)), Number(view.getBigUint64(far + 48, true))];
    }
    return null;
  }
  return null;
}

/** The entries of a zip's directory. */
export function readDirectory(bytes: Uint8Array): ArchiveEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: ArchiveEntry[] = [];
  for (let at = 0; at + 46 <= bytes.length && view.getUint32(at, true) === ENTRY; ) {
    const [nameLength, extraLength, noteLength] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true), view.getUint16(at + 32, true)];
    const [time, day] = [view.getUint16(at + 12, true), view.getUint16(at + 14, true)];
    const two = (value: number): string => String(value).padStart(2, "0");
    const entry: ArchiveEntry = {
      name: new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength)),
      size: view.getUint32(at + 24, true),
      packed: view.getUint32(at + 20, true),
      time: `${1980 + (day >> 9)}-${two((day >> 5) & 15)}-${two(day & 31)} ${two(time >> 11)}:${two((time >> 5) & 63)}`,
    };
    widen(entry, view, at + 46 + nameLength, extraLength);
    entries.push(entry);
    at += 46 + nameLength + extraLength + noteLength;
  }
  return entries;
}

/** Takes sizes over 4 GB from the extra field. */
function widen(entry: ArchiveEntry, view: DataView, start: number, length: number): void {
  for (let at = start; at + 4 <= start + length && at + 4 <= view.byteLength; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    let place = at + 4;
    for (const name of ["size", "packed"] as const) {
      if (entry[name] !== 0xffffffff || place + 8 > view.byteLength) continue;
      entry[name] = Number(view.getBigUint64(place, true));
      place += 8;
    }
  }
}

export interface HexLine {
  at: string;
  hex: string;
  text: string;
}

/** Bytes as people read them, 16 a line. */
export function hexLines(bytes: Uint8Array): HexLine[] {
  return Array.from({ length: Math.ceil(bytes.length / 16) }, (_, i) => {
    const row = [...bytes.subarray(i * 16, i * 16 + 16)];
    return {
      at: (i * 16).toString(16).padStart(8, "0"),
      hex: row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ").padEnd(47),
      text: row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·")).join(""),
    };
  });
}
