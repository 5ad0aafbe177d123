import { expect, test } from "vitest";
import { decodeText, kindOfName, looksBinary, parseTable, prettyJson } from "./preview";

test.each([
  ["plots/roc.PNG", "image"], ["a/b.json", "json"], ["x.csv", "table"], ["x.tsv", "table"], ["model.pkl", "binary"],
  ["MLmodel", "text"], ["notes.md", "text"], ["dir.png/file", "text"],
])("%s is shown as %s", (path, kind) => expect(kindOfName(path)).toBe(kind));

test("bytes that are no text are told from text in any script", () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  expect(looksBinary(bytes("한국어 텍스트 ".repeat(900)))).toBe(false);
  expect(looksBinary(new Uint8Array([0x50, 0x4b, 0, 1]))).toBe(true);
  expect(looksBinary(Uint8Array.from({ length: 200 }, (_, i) => 128 + (i % 100)))).toBe(true);
  expect(looksBinary(new Uint8Array())).toBe(false);
});

test("a character cut at the end is left out", () => {
  expect(decodeText(new TextEncoder().encode("가나").subarray(0, 5))).toBe("가");
});

test("JSON is laid out; what is none stays as it is", () => {
  expect(prettyJson('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
  expect(prettyJson('{"a": NaN}')).toBeNull();
});

test("tables: quotes, commas and line ends inside them, no line for the last line end", () => {
  expect(parseTable('a,b\r\n"x, ""y""\nz",2\r\n', ",")).toEqual({ header: ["a", "b"], rows: [['x, "y"\nz', "2"]], cut: false });
  expect(parseTable("a\tb\n1\t2", "\t").rows).toEqual([["1", "2"]]);
  expect(parseTable("", ",")).toEqual({ header: [], rows: [], cut: false });
});

test("long tables are cut and say so", () => {
  const text = `h\n${"1\n".repeat(50)}`;
  expect(parseTable(text, ",", 10)).toMatchObject({ cut: true });
  expect(parseTable(text, ",", 10).rows).toHaveLength(10);
  expect(parseTable(text, ",", 50)).toMatchObject({ cut: false });
});
