import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError, getRun } from "./api";

const assign = vi.fn();

beforeEach(() => {
  vi.stubGlobal("document", { baseURI: "http://host/lab/" });
  vi.stubGlobal("location", { pathname: "/lab/r/%EA%B0%80", search: "?a=1&b", assign });
});
afterEach(() => {
  vi.unstubAllGlobals();
  assign.mockClear();
});

function answer(status: number, body: string): void {
  vi.stubGlobal("fetch", async () => new Response(body, { status }));
}

test("whoever is not logged in is asked to, and comes back", async () => {
  answer(401, '{"error_code": "UNAUTHENTICATED", "message": "Log in"}');
  await expect(getRun("r")).rejects.toThrow(ApiError);
  expect(assign).toHaveBeenCalledWith("/lab/login?next=%2Flab%2Fr%2F%25EA%25B0%2580%3Fa%3D1%26b");
});

test.each([
  [401, "<html>a proxy's own login</html>"],
  [403, '{"error_code": "PERMISSION_DENIED", "message": "no"}'],
  [404, '{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}'],
])("other failures stay on the page: %i", async (status, body) => {
  answer(status, body);
  await expect(getRun("r")).rejects.toThrow(ApiError);
  expect(assign).not.toHaveBeenCalled();
});
