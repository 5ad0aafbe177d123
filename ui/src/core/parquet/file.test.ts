import { expect, test } from "vitest";
import type { Part } from "../files";
import { lz4, snappy, unpack } from "./codecs";
import { ParquetFile, type Read } from "./file";

// Written with pyarrow 26: 40 rows of every type, of which row i holds values made of i; see `expected`.
const files = import.meta.glob("./fixtures/*.parquet", { query: "?inline", import: "default", eager: true }) as Record<string, string>;
const bytesOf = (name: string): Uint8Array => Uint8Array.from(atob(files[`./fixtures/${name}.parquet`]?.split(",")[1] ?? ""), (letter) => letter.charCodeAt(0));

function reader(bytes: Uint8Array, asked: [number, number][] = []): Read {
  return async (start, length): Promise<Part> => {
    asked.push([start, length]);
    const from = start < 0 ? Math.max(0, bytes.length + start) : start;
    return { bytes: bytes.subarray(from, from + length), total: bytes.length };
  };
}

const expected: Record<string, [string, (string | null)[]]> = {
  i32: ["int32", ["-5", "-4", "-3", null, "-1", "34"]],
  i64: ["int64", ["9223372036854775807", "9223372036854775806", "9223372036854775805", "9223372036854775804", "9223372036854775803", "9223372036854775768"]],
  u64: ["uint64", ["18446744073709551615", "18446744073709551614", "18446744073709551613", "18446744073709551612", "18446744073709551611", "18446744073709551576"]],
  u8: ["uint", ["200", "201", "202", "203", "204", "239"]],
  f64: ["double", ["0", "0.3333333333333333", "NaN", "Infinity", "1.3333333333333333", "13"]],
  f32: ["float", ["0", "0.5", "1", "1.5", "2", "19.5"]],
  f16: ["float16", ["1.5", "1.5", "1.5", "1.5", "1.5", "1.5"]],
  이름: ["string", ["행 0", "행 1", "행 2", "행 3", "행 0", "행 3"]],
  text: ["string", [0, 1, 2, 3, 4, 39].map((i) => `prefix common ${String(i).padStart(5, "0")}`)],
  flag: ["bool", ["true", "false", "false", "true", "false", "true"]],
  day: ["date", ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-02-09"]],
  ts: ["timestamp[us]", ["1969-12-31 23:59:59.5", "1970-01-01 00:59:59.5", "1970-01-01 01:59:59.5", "1970-01-01 02:59:59.5", "1970-01-01 03:59:59.5", "1970-01-02 14:59:59.5"]],
  tz: ["timestamp[ns, UTC]", ["2024-01-01 00:00:00Z", "2024-01-01 01:00:00Z", "2024-01-01 02:00:00Z", "2024-01-01 03:00:00Z", "2024-01-01 04:00:00Z", "2024-01-02 15:00:00Z"]],
  time: ["time[us]", ["01:02:03", "01:02:03.000001", "01:02:03.000002", "01:02:03.000003", "01:02:03.000004", "01:02:03.000039"]],
  dec: ["decimal(10, 2)", ["-0.03", "-0.02", "-0.01", "0.00", "0.01", "0.36"]],
  raw: ["binary", ["0x00ff00", "0x01ff00", "0x02ff00", "0x03ff00", "0x04ff00", "0x27ff00"]],
  list: ["int64", ["[0, 1]", null, "[]", "[null, 3]", "[4, 5]", "[39, 40]"]],
  nested: ["int32", ["[[]]", "[[1], [2, 3]]", "[[]]", "[[1], [2, 3]]", "[[]]", "[[1], [2, 3]]"]],
  "struct.a": ["int64", [null, "1", "2", "3", "4", "39"]],
  "struct.b": ["string", [null, "s1", "s2", "s3", "s4", "s39"]],
  "map.key": ["string", ["[k]", "[k]", "[k]", "[k]", "[k]", "[k]"]],
  "map.value": ["int32", ["[0]", "[1]", "[2]", "[3]", "[4]", "[39]"]],
};

// Groups of 16 rows with dictionaries; pages of the second kind; values as they are; deltas and split bytes.
test.each([["snappy", 22], ["gzip2", 22], ["lz4", 22], ["zstd", 22], ["delta", 8]])("%s: every value of every type is read", async (name, columns) => {
  const file = await ParquetFile.open(reader(bytesOf(name)));
  expect([file.rows, file.columns.length]).toEqual([40, columns]);
  for (const [i, column] of file.columns.entries()) {
    const [words, cells] = expected[column.name] ?? [];
    expect([column.name, column.words]).toEqual([column.name, words]);
    expect([...(await file.cells(i, 0, 5)), ...(await file.cells(i, 39, 40))], column.name).toEqual(cells);
  }
});

test("rows of several groups are one list, and only what is looked at is read", async () => {
  const bytes = bytesOf("snappy");
  const asked: [number, number][] = [];
  const file = await ParquetFile.open(reader(bytes, asked));
  expect(asked).toHaveLength(1);
  expect((await file.cells(3, 14, 34)).map(Number)).toEqual(Array.from({ length: 20 }, (_, i) => 214 + i));
  expect(asked).toHaveLength(4);
  await file.cells(3, 0, 40);
  expect(asked).toHaveLength(4);
  expect(await file.cells(99, 0, 5)).toEqual([]);
});

test("zstd: blocks with tables of their own, repeated and usual ones, literals of every kind", async () => {
  const file = await ParquetFile.open(reader(bytesOf("zstd_long")));
  const [texts, squares, letters] = await Promise.all([0, 1, 2].map((column) => file.cells(column, 0, file.rows)));
  expect(texts).toEqual(Array.from({ length: 6000 }, (_, i) => `row ${(i * 7919) % 1000} 값`));
  expect(squares).toEqual(Array.from({ length: 6000 }, (_, i) => String(i * i)));
  expect(letters).toEqual(Array.from({ length: 6000 }, (_, i) => "ab".charAt(((i * i * 31) >> 3) % 2)));
});

test("times of old writers, and no rows at all", async () => {
  const old = await ParquetFile.open(reader(bytesOf("int96")));
  expect(await old.cells(0, 0, 1)).toEqual(["2020-01-02 03:04:05"]);
  const empty = await ParquetFile.open(reader(bytesOf("empty")));
  expect([empty.rows, empty.columns[0]?.name, await empty.cells(0, 0, 5)]).toEqual([0, "a", []]);
});

test("what cannot be read says why", async () => {
  await expect(unpack(new Uint8Array(4), 3, 4)).rejects.toThrow("compressed with lzo, which browsers cannot open");
  await expect(ParquetFile.open(reader(new TextEncoder().encode("no parquet at all")))).rejects.toThrow("does not end");
  const broken = async (bytes: Uint8Array, at: number, value: number): Promise<unknown> => {
    const copy = bytes.slice();
    copy[at] = value;
    try {
      const file = await ParquetFile.open(reader(copy));
      for (let i = 0; i < file.columns.length; i++) await file.cells(i, 0, Math.min(file.rows, 1000));
    } catch (error) {
      return error;
    }
    return null;
  };
  // Whatever byte is wrong: an error or other values, but an end.
  for (const name of ["snappy", "zstd"]) {
    const bytes = bytesOf(name);
    for (let at = 0; at < bytes.length; at += 397) expect(await broken(bytes, at, 255)).toSatisfy((found) => found === null || found instanceof Error);
  }
});

test("unpacking stays inside its room", () => {
  // A copy from before the beginning, and one that is longer than all.
  expect(() => snappy(new Uint8Array([4, 0b10, 9, 0]), 4)).toThrow("damaged");
  expect(() => lz4(new Uint8Array([0x1f, 65, 1, 0, 255, 255, 0]), 8)).toThrow("damaged");
  expect(new TextDecoder().decode(lz4(new Uint8Array([0x12, 65, 1, 0]), 7))).toBe("AAAAAAA");
});
