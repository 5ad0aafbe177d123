import { describe, expect, test } from "vitest";
import { nameFilter } from "./registry";
import { requestFor, whyNoJson } from "./scoring";

const column = (name: string, type: string, fallback?: string) => ({ name, type, required: true, ...(fallback === undefined ? {} : { fallback }) });

describe("a request that fits a signature", () => {
  test("named columns in order, with values of their types", () => {
    const facts = { inputs: [column("나이 a", "long"), column("b", "string"), column("c", "boolean"), column("d", "array<double>")], params: null };
    expect(JSON.parse(requestFor(facts))).toEqual({ dataframe_split: { columns: ["나이 a", "b", "c", "d"], data: [[1, "text", true, []]] } });
  });
  test("columns without names, and parameters with what they are when none is given", () => {
    const facts = { inputs: [column("", "double")], params: [column("t", "double", "0.7"), column("s", "string", '"x"')] };
    expect(JSON.parse(requestFor(facts))).toEqual({ dataframe_split: { data: [[0.5]] }, params: { t: 0.7, s: "x" } });
  });
  test("tensors get their shape, bounded", () => {
    expect(JSON.parse(requestFor({ inputs: [column("", "float32 (-1, 2, 3)")], params: null }))).toEqual({ inputs: [[[0, 0, 0], [0, 0, 0]]] });
    const large = JSON.parse(requestFor({ inputs: [column("x", "float32 (-1, 100000)")], params: null })) as { inputs: { x: number[][] } };
    expect(large.inputs.x[0]?.length).toBeLessThanOrEqual(1000);
    expect(JSON.parse(requestFor(null))).toEqual({ inputs: [[0]] });
  });
  test("what is no JSON is told", () => {
    expect(whyNoJson('{"a": 1}')).toBeNull();
    expect(whyNoJson("{a: 1}")).toMatch(/JSON|property/i);
  });
});

test.each([["  ", ""], ["kim", "name ILIKE '%kim%'"], [`it's "x"`, "name ILIKE '%it_s _x_%'"]])("the filter for %j", (text, filter) => expect(nameFilter(text)).toBe(filter));
