import { describe, expect, test } from "vitest";
import { FIRST_TAG, formatView, meant, parseViews, sameQuery, VIEW_TAG, viewId, viewOf, withoutView, withView } from "./views";

const tag = (id: string, name: string, search: string): { key: string; value: string } => ({ key: VIEW_TAG + id, value: formatView({ name, search }) });

describe("views in tags", () => {
  test("are read back as they were kept, by name", () => {
    const tags = [tag("b2", "나중 <b>", "?q=a%26b&sort=-m:loss"), tag("a1", "first", ""), { key: FIRST_TAG, value: "a1" }, { key: "other", value: "x" }];
    expect(parseViews(tags)).toEqual({ all: [{ id: "a1", name: "first", search: "" }, { id: "b2", name: "나중 <b>", search: "?q=a%26b&sort=-m:loss" }], first: "a1" });
  });

  test("what is none is left out", () => {
    const tags = ["nothing", "null", "[]", '{"name":1,"query":""}'].map((value, i) => ({ key: `${VIEW_TAG}a${i}`, value }));
    expect(parseViews([...tags, { key: `${VIEW_TAG}<x>`, value: formatView({ name: "x", search: "" }) }, { key: FIRST_TAG, value: "gone" }])).toEqual({ all: [], first: "" });
  });

  test("ids are of the name, else of the query, and can stand in a tag", () => {
    expect(viewId("a", "?q=1")).toBe(viewId("a", "?q=1"));
    expect(viewId("", "?q=1")).not.toBe(viewId("", "?q=2"));
    for (const name of ["", "한글", "x".repeat(300)]) expect(viewId(name, "?q=1")).toMatch(/^[0-9a-z]{1,14}$/);
  });
});

describe("views in addresses", () => {
  const views = parseViews([tag("a1", "first", "?q=x&c.pane=table")]);

  test("an address with nothing but a view means its query, another one its own", () => {
    expect(meant("?v=a1", views)).toBe("?q=x&c.pane=table");
    expect(meant("?q=y&v=a1", views)).toBe("?q=y");
    expect(meant("?v=gone", views)).toBe("");
    expect(meant("", views)).toBe("");
  });

  test("the view goes in and out of a query that keeps its signs", () => {
    expect(withView("?sort=-m:val/acc", "a1")).toBe("?sort=-m:val/acc&v=a1");
    expect(withView("?v=zz", "a1")).toBe("?v=a1");
    expect(withView("?q=1&v=zz", "")).toBe("?q=1");
    expect(viewOf("?q=1&v=zz")).toBe("zz");
    expect(withoutView("?v=zz")).toBe("");
  });

  test("order says nothing", () => {
    expect(sameQuery("?a=1&b=2&v=x", "?b=2&a=1")).toBe(true);
    expect(sameQuery("?a=1&a=2", "?a=2&a=1")).toBe(false);
  });
});
