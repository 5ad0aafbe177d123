import { expect, test } from "vitest";
import { decodeText, kindOfName, looksBinary, parseTable, prettyJson, wholeRows } from "./preview";

test.each([
  ["plots/roc.PNG", "image"], ["a/b.json", "json"], ["x.csv", "table"], ["x.tsv", "table"], ["model.pkl", "binary"], ["a/MLmodel", "mlmodel"],
  ["notes.md", "markdown"], ["dir.png/file", "text"], ["a.parquet", "parquet"], ["x.npz", "zip"], ["report.HTML", "html"], ["mlmodel", "text"],
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
  expect(parseTable('a,b\r\n"x, ""y""\nz",2\r\n', ",")).toEqual({ header: ["a", "b"], rows: [['x, "y"\nz', "2"]] });
  expect(parseTable("a\tb\n1\t2", "\t").rows).toEqual([["1", "2"]]);
  expect(parseTable("a,b\n1,", ",").rows).toEqual([["1", ""]]);
  expect(parseTable('a\n"never closed\n1', ",").rows).toEqual([["never closed\n1"]]);
  expect(parseTable('a,b\nx"y,"z"w\n\n', ",").rows).toEqual([['x"y', "zw"]]);
  expect(parseTable("", ",")).toEqual({ header: [], rows: [] });
});

test("a part of a table ends where a row ends, not inside a cell", () => {
  const text = 'a,b\n1,"x\ny"\n2,"z\nw';
  expect(text.slice(0, wholeRows(text, false))).toBe('a,b\n1,"x\ny"\n');
  expect(wholeRows(text, true)).toBe(text.length);
  expect(wholeRows("no line end", false)).toBe(0);
  expect(wholeRows("a\nb\nc", false)).toBe(4);
});
