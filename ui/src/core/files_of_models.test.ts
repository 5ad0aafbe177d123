import { describe, expect, test } from "vitest";
import { columns, modelSnippets, readModel } from "./mlmodel";
import { parseYaml, type Yaml } from "./yaml";

const plain = (value: Yaml): unknown => (value instanceof Map ? Object.fromEntries([...value].map(([key, each]) => [key, plain(each)])) : Array.isArray(value) ? value.map(plain) : value);

describe("YAML as models are described in", () => {
  test("mappings, lists, quoted and folded texts", () => {
    const text = [
      "# a comment", "a: 1", "b:", "  c: 'it''s", "    folded'", '  d: "tab\\there \\uD55C', '    joined \\', '    on"', "list:", "- x", "- y: 1", "  z: null", "-", "  - deep",
      "empty: {}", "none: []", "flow: {k: [1, 'two, three'], m: {n: ~}}", "plain: goes on", "  in a second line", "url: http://host:80/x # not this", "text: |", "  one", "    two", "", "  three",
      "'quoted key': v", "한글: 값",
    ].join("\n");
    expect(plain(parseYaml(text))).toEqual({
      a: "1", b: { c: "it's folded", d: "tab\there 한 joined on" }, list: ["x", { y: "1", z: null }, ["deep"]], empty: {}, none: [], flow: { k: ["1", "two, three"], m: { n: null } },
      plain: "goes on in a second line", url: "http://host:80/x", text: "one\n  two\n\nthree\n", "quoted key": "v", 한글: "값",
    });
  });

  test.each([["a: &x 1"], ["a: *x"], ["a: !!python/object 1"], ["a: 'never closed"], ["a: [1, 2"], ["a: 1\n- x"], ["[".repeat(100)]])("%s is refused and comes to an end", (text) => {
    expect(() => parseYaml(text)).toThrow();
  });

  test("an empty document is nothing", () => expect([parseYaml(""), parseYaml("---\n# only this\n")]).toEqual([null, null]));
});

const MODEL = `artifact_path: model
flavors:
  python_function:
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.sklearn
    python_version: 3.11.2
  sklearn:
    pickled_model: model.pkl
    code: null
model_size_bytes: 812
model_uuid: 3f1c
run_id: ${"a".repeat(32)}
saved_input_example_info:
  artifact_path: input_example.json
signature:
  inputs: '[{"type": "double", "name": "나이", "required": true}, {"type": "array", "items": {"type": "string"}, "name": "tags",
    "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]'
  params: '[{"name": "top_k", "type": "long", "default": 5, "shape": null}, {"name": "seeds", "type": "long", "default": [1, 2], "shape": [-1]}]'
utc_time_created: '2026-01-02 03:04:05.678'
mlflow_version: 3.1.0
`;

describe("a model's description", () => {
  test("flavours, signature and environment are read", () => {
    const facts = readModel(MODEL);
    expect(facts.flavors.map((flavor) => flavor.name)).toEqual(["python_function", "sklearn"]);
    expect(facts.flavors[1]?.settings).toEqual([["pickled_model", "model.pkl"]]);
    expect(facts.inputs).toEqual([{ name: "나이", type: "double", required: true }, { name: "tags", type: "array<string>", required: false }]);
    expect(facts.outputs).toEqual([{ name: "", type: "float32 (-1, 3)", required: true }]);
    expect(facts.params?.map((each) => [each.name, each.type, each.fallback])).toEqual([["top_k", "long", "5"], ["seeds", "long[]", "[1, 2]"]]);
    expect(facts.environment).toEqual(["conda.yaml", "python_env.yaml", "requirements.txt"]);
    expect([facts.size, facts.python, facts.writtenBy, facts.example]).toEqual([812, "3.11.2", "MLflow 3.1.0", "input_example.json"]);
  });

  test("snippets load and serve it by its URI, with a request that fits", () => {
    const found = modelSnippets(readModel(MODEL), "runs:/r/my model", "http://host:5000/ml");
    expect(found.map((each) => each.title)).toEqual(["load", "load", "predict", "serve", "call"]);
    expect(found[0]?.text).toContain('millstream.pyfunc.load_model("runs:/r/my model")');
    expect(found[1]?.text).toContain('millstream.sklearn.load_model("runs:/r/my model")');
    expect(found[3]?.text).toBe("MLFLOW_TRACKING_URI=http://host:5000/ml millstream models serve -m 'runs:/r/my model' -p 5001");
    expect(found[4]?.text).toContain(`'{"dataframe_records": [{"나이": 0.5, "tags": []}]}'`);
  });

  test("objects and maps are told in words; what is no schema is none", () => {
    const text = JSON.stringify([{ name: "o", type: "object", properties: { a: { type: "long", required: true }, b: { type: "map", values: { type: "string" }, required: false } } }]);
    expect(columns(text)?.[0]?.type).toBe("object{a: long, b?: map<string, string>}");
    expect([columns("no json"), columns(undefined), columns("{}")]).toEqual([null, null, null]);
    expect(() => readModel("just: text")).toThrow("flavours");
    expect(() => readModel("- a list")).toThrow();
  });
});
