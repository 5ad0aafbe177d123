/** The columns of a Parquet file: their types, how they nest, how their values read. */

import { numberAt, structAt, textAt, type Fields } from "./thrift";
import { BOOLEAN, BYTES, FIXED, INT64, INT96, type Value } from "./values";

export interface Leaf {
  /** As it is shown: parts of structures with dots. */
  name: string;
  /** As the file names it. */
  path: string;
  type: number;
  width: number;
  maxDefinition: number;
  /** At which definition level each list around it has an element, from the outside. */
  lists: number[];
  /** The type in words. */
  words: string;
  numeric: boolean;
  print: (value: Value) => string;
}

const OPTIONAL = 1;
const REPEATED = 2;

/** The columns below the root of a schema, which is written from the top down. */
export function readLeaves(elements: readonly Fields[]): Leaf[] {
  const leaves: Leaf[] = [];
  let at = 0;
  const visit = (path: string[], names: string[], definition: number, lists: number[], kind: string): void => {
    const element = elements[at++];
    if (!element) throw new Error("The schema ends too early.");
    if (path.length > 64) throw new Error("The schema nests too deeply.");
    const repetition = at === 1 ? 0 : numberAt(element, 3);
    const own = textAt(element, 4);
    const level = definition + (repetition === OPTIONAL || repetition === REPEATED ? 1 : 0);
    const around = repetition === REPEATED ? [...lists, level] : lists;
    const way = at === 1 ? [] : [...path, own];
    // The two levels inside of lists and maps have names that say nothing.
    const shown = at === 1 ? [] : kind === "inside" ? names : [...names, own];
    const children = numberAt(element, 5) ?? 0;
    const inner = isCollection(element) ? "wrapper" : kind === "wrapper" ? (children === 1 ? "inside" : "") : "";
    if (numberAt(element, 1) === undefined || children) {
      for (let i = 0; i < children; i++) visit(way, kind === "wrapper" ? names : shown, level, around, inner);
    } else {
      const leafNames = kind === "wrapper" ? names : shown;
      leaves.push({ ...describe(element), name: leafNames.join("."), path: way.join("."), maxDefinition: level, lists: around });
    }
  };
  visit([], [], 0, [], "");
  return leaves;
}

const isCollection = (element: Fields): boolean =>
  structAt(structAt(element, 10), 3) !== undefined || structAt(structAt(element, 10), 2) !== undefined || [1, 2, 3].includes(numberAt(element, 6) ?? -1);

type Description = Pick<Leaf, "type" | "width" | "words" | "numeric" | "print">;

const PHYSICAL = ["bool", "int32", "int64", "timestamp[ns]", "float", "double", "binary", "fixed"];
const decoder = new TextDecoder("utf-8");

function describe(element: Fields): Description {
  const type = numberAt(element, 1) ?? 0;
  const width = numberAt(element, 2) ?? 0;
  const base = { type, width };
  const special = logicalOf(element);
  if (special) return { ...base, ...special };
  if (type === INT96) return { ...base, words: "timestamp[ns]", numeric: false, print: (value) => printInt96(value as Uint8Array) };
  const words = type === FIXED ? `binary[${width}]` : (PHYSICAL[type] ?? "unknown");
  return { ...base, words, numeric: type !== BOOLEAN && type < BYTES, print: type >= BYTES ? (value) => printBytes(value as Uint8Array) : printNumber };
}

function printNumber(value: Value): string {
  return String(value);
}

/** What a column's logical type, or the older converted one, makes of its numbers and bytes. */
function logicalOf(element: Fields): Omit<Description, "type" | "width"> | null {
  const logical = structAt(element, 10);
  const converted = numberAt(element, 6) ?? -1;
  const type = numberAt(element, 1) ?? 0;
  const has = (id: number): boolean => structAt(logical, id) !== undefined;
  if (has(1) || has(4) || has(12) || [0, 4, 19].includes(converted)) return { words: has(12) || converted === 19 ? "json" : "string", numeric: false, print: printText };
  if (has(5) || converted === 5) return decimal(numberAt(structAt(logical, 5), 1) ?? numberAt(element, 7) ?? 0, numberAt(structAt(logical, 5), 2) ?? numberAt(element, 8) ?? 0);
  if (has(6) || converted === 6) return { words: "date", numeric: false, print: (value) => new Date(Number(value) * 86_400_000).toISOString().slice(0, 10) };
  if (has(8) || converted === 9 || converted === 10) return timestamp(structAt(logical, 8), converted);
  if (has(7) || converted === 7 || converted === 8) return timeOfDay(structAt(logical, 7), converted);
  if (has(14)) return { words: "uuid", numeric: false, print: (value) => hex(value as Uint8Array).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-") };
  if (has(15)) return { words: "float16", numeric: true, print: (value) => printHalf(value as Uint8Array) };
  const unsigned = has(10) ? structAt(logical, 10)?.get(2) === false : converted >= 11 && converted <= 14;
  if (unsigned && type === INT64) return { words: "uint64", numeric: true, print: (value) => String(BigInt.asUintN(64, value as bigint)) };
  if (unsigned) return { words: "uint", numeric: true, print: (value) => String((value as number) >>> 0) };
  return null;
}

function decimal(scale: number, precision: number): Omit<Description, "type" | "width"> {
  const print = (value: Value): string => {
    const whole = value instanceof Uint8Array ? BigInt.asIntN(value.length * 8, BigInt(`0x${hex(value) || "0"}`)) : BigInt(value);
    const digits = (whole < 0n ? -whole : whole).toString().padStart(scale + 1, "0");
    const sign = whole < 0n ? "-" : "";
    return scale > 0 ? `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}` : sign + digits;
  };
  return { words: `decimal(${precision}, ${scale})`, numeric: true, print };
}

const UNITS: Record<number, [string, bigint]> = { 1: ["ms", 1000n], 2: ["us", 1_000_000n], 3: ["ns", 1_000_000_000n] };

function unitOf(fields: Fields | undefined, otherwise: number): [string, bigint] {
  return UNITS[[...(structAt(fields, 2)?.keys() ?? [otherwise])][0] ?? 1] ?? ["ms", 1000n];
}

function timestamp(fields: Fields | undefined, converted: number): Omit<Description, "type" | "width"> {
  const [unit, second] = unitOf(fields, converted === 10 ? 2 : 1);
  const utc = fields ? fields.get(1) === true : true;
  return { words: `timestamp[${unit}${utc ? ", UTC" : ""}]`, numeric: false, print: (value) => printMoment(BigInt(value as bigint), second) + (utc ? "Z" : "") };
}

function timeOfDay(fields: Fields | undefined, converted: number): Omit<Description, "type" | "width"> {
  const [unit, second] = unitOf(fields, converted === 8 ? 2 : 1);
  return { words: `time[${unit}]`, numeric: false, print: (value) => printMoment(BigInt(value as bigint), second).slice(11) };
}

/** A moment counted since 1970, with what there is of fractions of a second. */
export function printMoment(value: bigint, second: bigint): string {
  let [whole, rest] = [value / second, value % second];
  if (rest < 0n) [whole, rest] = [whole - 1n, rest + second];
  const date = new Date(Number(whole) * 1000);
  if (Number.isNaN(date.getTime())) return String(value);
  const fraction = rest.toString().padStart(second.toString().length - 1, "0").replace(/0+$/, "");
  return date.toISOString().slice(0, -5).replace("T", " ") + (fraction && `.${fraction}`);
}

function printInt96(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 12);
  const days = BigInt(view.getUint32(8, true)) - 2_440_588n;
  return printMoment(days * 86_400_000_000_000n + view.getBigInt64(0, true), 1_000_000_000n);
}

function printHalf(bytes: Uint8Array): string {
  const bits = (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 31 ? (fraction ? NaN : Infinity) : exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024);
  return String(bits & 0x8000 ? -size : size);
}

const MOST_TEXT = 2000;

function printText(value: Value): string {
  const bytes = value as Uint8Array;
  return bytes.length > MOST_TEXT ? `${decoder.decode(bytes.subarray(0, MOST_TEXT), { stream: true })}… (${bytes.length} B)` : decoder.decode(bytes);
}

/** Bytes without a type: as text where they are some, else in hexadecimal. */
function printBytes(bytes: Uint8Array): string {
  const text = printText(bytes);
  return /[\u0000-\u0008\u000e-\u001f\ufffd]/.test(text) ? `0x${hex(bytes.subarray(0, 24))}${bytes.length > 24 ? `… (${bytes.length} B)` : ""}` : text;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
