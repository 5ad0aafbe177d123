import { describe, expect, test } from "vitest";
import { NO_FACTS, type KeyFacts } from "./columns";
import { bothFilters, clausesOf, complete, completionAt, errorPlace, operatorsOf, quoteValue, suggestionsFor, wordsFilter } from "./query";

const facts: KeyFacts = {
  ...NO_FACTS, total: 9,
  metrics: new Map([["loss", 9], ["val/loss", 8]]),
  params: new Map([["lr", { runs: 9, differs: true }], ["optimizer", { runs: 9, differs: true }]]),
  tags: new Map([["팀 이름", 3]]),
};

describe("clauses", () => {
  test.each<[string, string[]]>([
    ["", []],
    ["metrics.a < 1", ["metrics.a < 1"]],
    ["metrics.a < 1 and params.b = 'x and y' AND tags.`c and d` = \"AND\"", ["metrics.a < 1", "params.b = 'x and y'", "tags.`c and d` = \"AND\""]],
    ["(metrics.a < 1 AND x = 'y') AND b = 'c' AND", ["(metrics.a < 1 AND x = 'y')", "b = 'c'"]],
    ["a = '1' AND b = '2' OR c = '3'", ["a = '1' AND b = '2' OR c = '3'"]],
    ["NOT (a = '1' OR b = '2') AND c = '(", ["NOT (a = '1' OR b = '2')", "c = '("]],
  ])("%j", (text, clauses) => expect(clausesOf(text)).toEqual(clauses));

  test("filters join so that each keeps its meaning", () => {
    expect(bothFilters("a = '1' OR b = '2'", ["status = 'FAILED'"])).toBe("(a = '1' OR b = '2') AND status = 'FAILED'");
    expect(bothFilters(" ", ["x = 'y'", "z = 'w'"])).toBe("x = 'y' AND z = 'w'");
    expect(bothFilters("a", [])).toBe("a");
  });

  test.each<[string, string | null]>([
    ["resnet 50", "text CONTAINS 'resnet 50'"], [" 첫-실행.v2 ", "text CONTAINS '첫-실행.v2'"], ["", null], ["lr=0.1", null], ["metrics.loss", null],
    ["status", null], ["a and b", null], ["'quoted'", null], ["datasets.name", null], ["(a)", null],
  ])("plain words are looked for: %j", (text, filter) => expect(wordsFilter(text)).toBe(filter));

  test("values are quoted by what they do not hold", () => {
    expect(["a", "it's", `both ' and "`].map(quoteValue)).toEqual(["'a'", `"it's"`, null]);
  });
});

describe("what may come", () => {
  const at = (marked: string): ReturnType<typeof completionAt> => completionAt(marked.replace("|", ""), marked.indexOf("|"));

  test.each<[string, string, string]>([
    ["|", "key", ""],
    ["lo|", "key", "lo"],
    ["metrics.loss |", "operator", ""],
    ["metrics.`val/loss` <|", "value", ""],
    ["params.lr = '0.|", "value", "'0."],
    ["params.lr = '0.1' |", "join", ""],
    ["params.lr = '0.1' an|", "join", "an"],
    ["params.lr = '0.1' and (not |", "key", ""],
    ["params.lr IN ('a', |", "value", ""],
    ["params.lr IN ('a') |", "join", ""],
    ["params.lr IS NOT NULL |", "join", ""],
    ["params.lr NOT IN (|", "value", ""],
    ["par|  = 'x'", "key", "par"],
  ])("%s", (marked, expects, typed) => {
    const found = at(marked);
    expect([found.expects, found.typed]).toEqual([expects, typed]);
  });

  test("keys by what is typed, with or without their prefix", () => {
    const texts = (marked: string): string[] => suggestionsFor(at(marked), facts).map((each) => each.text);
    expect(texts("lo|").slice(0, 2)).toEqual(["metrics.loss", "metrics.`val/loss`"]);
    expect(texts("params.|")).toEqual(["params.lr", "params.optimizer"]);
    expect(texts("이름|")).toEqual(["tags.`팀 이름`"]);
    expect(texts("metrics.loss.m|")).toEqual(["metrics.`loss`.max", "metrics.`loss`.mean", "metrics.`loss`.min"]);
    expect(texts("stat|")).toEqual(["status"]);
    expect(texts("status |")).toEqual(["=", "!=", "LIKE", "ILIKE", "RLIKE", "CONTAINS"]);
    expect(texts("metrics.loss < 1 a|")).toEqual(["AND"]);
    expect(operatorsOf("params.lr")).toContain("IS NOT NULL");
  });

  test("a suggestion takes the place of what is typed", () => {
    expect(complete("lo", at("lo|"), "metrics.loss")).toEqual({ text: "metrics.loss ", cursor: 13 });
    expect(complete("a = '1' AND pa < 1", at("a = '1' AND pa| < 1"), "params.lr")).toEqual({ text: "a = '1' AND params.lr < 1", cursor: 22 });
    expect(complete("params.lr=", at("params.lr=|"), "'0.1'")).toEqual({ text: "params.lr= '0.1' ", cursor: 17 });
    expect(complete("params.lr ", at("params.lr |"), "IN (")).toEqual({ text: "params.lr IN (", cursor: 14 });
  });

  test("errors say where", () => {
    expect(errorPlace("Invalid filter string at character 14: expected a value")).toBe(13);
    expect(errorPlace("something else")).toBeNull();
  });
});
