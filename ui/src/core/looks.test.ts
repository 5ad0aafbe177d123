import { describe, expect, test } from "vitest";
import { hexLines, readDirectory, readNpy, statisticsOf } from "./binary_files";
import { findLines, isLog, lastState, plainLine, readAnsi, Tail } from "./console";
import { colour, languageOf } from "./highlight";
import { parseJson, printJson, shortJson, tableOf } from "./json_tree";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("JSON", () => {
  test("every digit, NaN and escapes are kept", () => {
    const node = parseJson(' {"big": 12345678901234567890, "f": 1e400, "n": NaN, "m": -Infinity, "s": "a\\n\\u00e9\\"", "e": [], "한": [true, null]} ');
    expect(node && printJson(node)).toBe('{"big": 12345678901234567890, "f": 1e400, "n": NaN, "m": -Infinity, "s": "a\\né\\"", "e": [], "한": [true, null]}');
  });

  test.each([["{"], ["[1,]"], ['{"a" 1}'], ["1 2"], [""], ['"open'], ["[".repeat(5000) + "]".repeat(5000)], ["nul"]])("%s is none", (text) => expect(parseJson(text)).toBeNull());

  test("a long text with escapes is read", () => {
    const node = parseJson(JSON.stringify({ image: `${"x".repeat(3_000_000)}\n` }));
    expect(node?.kind === "object" && node.items[0]?.kind === "string" && node.items[0].text.length).toBe(3_000_001);
  });

  test("a closed node tells its beginning", () => {
    expect(shortJson(parseJson('{"a": 1, "b": {"c": 2}, "d": [1]}') as never)).toBe("{a: 1, b: {…}, d: […]}");
    expect(shortJson(parseJson(JSON.stringify(Array.from({ length: 99 }, (_, i) => i))) as never).length).toBeLessThan(80);
  });

  test("tables in JSON are found, other things are none", () => {
    expect(tableOf(parseJson('{"columns": ["a", "b"], "data": [["x", 1], [null, {"k": 2}]]}') as never)).toEqual({ header: ["a", "b"], rows: [["x", "1"], ["null", '{"k": 2}']] });
    expect(tableOf(parseJson('[{"a": 1}, {"b": "x"}]') as never)).toEqual({ header: ["a", "b"], rows: [["1", ""], ["", "x"]] });
    for (const text of ["[1, 2]", "[]", "{}", '{"columns": [], "data": [1]}']) expect(tableOf(parseJson(text) as never)).toBeNull();
  });
});

describe("console output", () => {
  test("colours are spans, other escapes are nothing", () => {
    const { spans, style } = readAnsi("\x1b[1;31mbad\x1b[0m ok \x1b[38;5;208mo\x1b[38;2;1;2;300mt\x1b[2K\x1b]8;;http://x\x07link\x1b[92;44mend");
    expect(spans).toEqual([
      { text: "bad", bold: true, color: 1 }, { text: " ok " }, { text: "o", color: "#ff8700" }, { text: "t", color: "#0102ff" }, { text: "link", color: "#0102ff" }, { text: "end", color: 10, back: 4 },
    ]);
    expect(readAnsi("goes on", style).spans).toEqual([{ text: "goes on", color: 10, back: 4 }]);
    expect(plainLine("\x1b[31m<script>\x1b[m \x1b\x00")).toBe("<script> ");
  });

  test("of a progress bar the last state is shown", () => {
    expect([lastState("10%\r50%\r100%\r"), lastState("a\r\r"), lastState("plain\r"), lastState("")]).toEqual(["100%", "a", "plain", ""]);
  });

  test("the tail grows, keeps its bound, and cuts no character", () => {
    const tail = new Tail(20);
    tail.restart(bytes("짝\none\ntw"), 100);
    expect(tail.lines()).toEqual(["one", "tw"]);
    tail.add(bytes("o\nthr"));
    tail.add(bytes("ee\n가".slice(0, 4)));
    expect(tail.lines()).toEqual(["one", "two", "three", "가"]);
    tail.add(bytes(`${"x".repeat(30)}\nlast\n`));
    expect(tail.lines()).toEqual(["last"]);
    expect(tail.end - tail.from).toBeLessThanOrEqual(40);
    tail.restart(bytes("b\n"), 2);
    tail.prepend(bytes("a\n"));
    expect([tail.from, tail.lines()]).toEqual([0, ["a", "b"]]);
  });

  test("files of logs are known by their names", () => {
    expect(["output.log", "train.log.1", "logs/rank0.txt", "stderr", "a/run.err", "console.txt", "logs/rank0"].filter((path) => !isLog(path))).toEqual([]);
    expect(["loggers.py", "catalog.json", "logs/plot.png", "notes.txt", "blog.md"].filter(isLog)).toEqual([]);
    expect(findLines(["a\x1b[31mB", "x", "AB"], "ab")).toEqual([0, 2]);
  });
});

describe("code", () => {
  const kinds = (text: string, path: string): string[] => colour(text, languageOf(path)).flat().filter((piece) => piece.kind).map((piece) => `${piece.kind}:${piece.text}`);

  test("a few colours for known languages, none for others", () => {
    expect(kinds('def f(x=1.5):  # why\n    return "a # b"', "a.py")).toEqual(["word:def", "number:1.5", "comment:# why", "word:return", 'string:"a # b"']);
    expect(kinds("a: true # c\nb: 'x'\nit's: 3", "a.yaml")).toEqual(["word:true", "comment:# c", "string:'x'", "number:3"]);
    expect(kinds("+new\n-old\n@@ 1\n same", "x.diff")).toEqual(["added:+new", "removed:-old", "place:@@ 1"]);
    expect(kinds("for if 1", "notes.txt")).toEqual([]);
  });

  test("every text comes out as it went in, line by line", () => {
    const text = '"""doc\n한글\n"""\nx = \'open\n/* c\n`${a}` <b a="1">\n\n';
    for (const path of ["a.py", "a.ts", "a.sql", "a.html", "a.sh", "a.txt", "a.diff", "a.c"]) {
      expect(colour(text, languageOf(path)).map((line) => line.map((piece) => piece.text).join("")).join("\n"), path).toBe(text);
    }
  });
});

describe("bytes", () => {
  function npy(header: string, data: Uint8Array): Uint8Array {
    const text = bytes(`${header}\n`);
    return new Uint8Array([0x93, ...bytes("NUMPY"), 1, 0, text.length & 255, text.length >> 8, ...text, ...data]);
  }

  test("arrays of NumPy tell type, shape and first values", () => {
    const found = readNpy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", new Uint8Array(new Float32Array([1, 2, NaN, 4, 5, 6]).buffer)));
    expect(found).toMatchObject({ dtype: "float32", shape: [2, 3], count: 6, read: 6, fortran: false });
    expect(statisticsOf(found?.values ?? [])).toEqual({ min: 1, max: 6, mean: 3.6, nan: 1 });
    expect(readNpy(npy("{'descr': '>i8', 'fortran_order': True, 'shape': (1,), }", new Uint8Array([127, 255, 255, 255, 255, 255, 255, 255])))).toMatchObject({ values: [2n ** 63n - 1n], fortran: true });
    expect(readNpy(npy("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", bytes("pickle")))).toMatchObject({ values: null });
    expect(readNpy(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", new Uint8Array(8)))).toMatchObject({ shape: [], count: 1, values: [0] });
    expect([readNpy(bytes("no array")), readNpy(new Uint8Array())]).toEqual([null, null]);
  });

  test("bytes are written as numbers and letters", () => {
    expect(hexLines(new Uint8Array([0, 65, 255]))).toEqual([{ at: "00000000", hex: "00 41 ff".padEnd(47), text: "·A·" }]);
    expect(hexLines(new Uint8Array(33))).toHaveLength(3);
    expect(readDirectory(bytes("no zip"))).toEqual([]);
  });
});
