import { describe, expect, test } from "vitest";
import { pickLanguage, translate, type Texts } from "./i18n";
import { loggingSnippet } from "./snippet";

const files = import.meta.glob("../i18n/*.json", { import: "default", eager: true }) as Record<string, Texts>;
/** The texts of a language: those of the start, and of the parts that load later. */
const textsOf = (language: string): Texts => Object.assign({}, ...Object.entries(files).filter(([path]) => path.endsWith(`${language}.json`)).map(([, texts]) => texts)) as Texts;
const [en, ko] = [textsOf("en"), textsOf("ko")];
const sources = import.meta.glob("../**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true }) as Record<string, string>;
const code = Object.entries(sources).filter(([path]) => !path.endsWith(".test.ts")).map(([, text]) => text).join("\n");
const base = (key: string): string => key.replace(/_one$/, "");

describe("texts", () => {
  test("both languages have the same texts, save plural forms", () => {
    expect(new Set(Object.keys(ko).map(base))).toEqual(new Set(Object.keys(en).map(base)));
  });

  test("no text stands in two files", () => {
    const keys = Object.values(files).flatMap((texts) => Object.keys(texts));
    expect(keys.length).toBe(Object.keys(en).length + Object.keys(ko).length);
  });

  test("both languages fill the same fields", () => {
    const fields = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1] ?? "").sort();
    for (const [key, text] of Object.entries(ko)) expect(fields(text), key).toEqual(fields(en[key] ?? ""));
  });

  test("every text that the pages name is there", () => {
    const named = [...code.matchAll(/\bt\("([^"]+)"/g)].map((found) => found[1] ?? "");
    expect(named.length).toBeGreaterThan(80);
    for (const key of named) expect(en, key).toHaveProperty([key]);
  });
});

describe("translate", () => {
  const texts: Texts = { runs: "{n} runs", runs_one: "1 run", hello: "{name} <b>" };

  test("plurals and grouping follow the language", () => {
    expect(translate(texts, "en", "runs", { n: 1 })).toBe("1 run");
    expect(translate(texts, "en", "runs", { n: 100_000 })).toBe("100,000 runs");
  });

  test("a missing text shows its key, a missing field stays", () => {
    expect(translate(texts, "en", "nope")).toBe("nope");
    expect(translate(texts, "en", "hello")).toBe("{name} <b>");
  });
});

test("the first spoken wish of the browser wins", () => {
  expect(pickLanguage(["fr-FR", "ko-KR", "en"], ["en", "ko"], "en")).toBe("ko");
  expect(pickLanguage(["fr"], ["en", "ko"], "en")).toBe("en");
});

test("the snippet names the store as a Python string", () => {
  expect(loggingSnippet({ location: 'C:\\runs "x"' }).split("\n")).toHaveLength(3);
  expect(loggingSnippet({ location: 'C:\\runs "x"' })).toContain('set_tracking_uri("C:\\\\runs \\"x\\"")');
  expect(loggingSnippet({ location: "/a" }, "Default")).not.toContain("set_experiment");
  expect(loggingSnippet({ location: "/a" }, "비교")).toContain('millstream.set_experiment("비교")');
});
