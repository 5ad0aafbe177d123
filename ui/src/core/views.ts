/** Saved views of a runs page: a name for the query of its address, kept in tags of the experiment. */

import { hashText } from "./color";
import type { KeyValue } from "./wire";

export interface View {
  id: string;
  /** "" for one that only a short link names. */
  name: string;
  /** The query of the address, with its `?`; empty for the page as it is at first. */
  search: string;
}

export interface Views {
  all: View[];
  /** The one that an address without a query shows; "" for none. */
  first: string;
}

export const NO_VIEWS: Views = { all: [], first: "" };

/** Tags of this beginning are views; what follows is the id. Another one names the default. */
export const VIEW_TAG = "millstream.view.";
export const FIRST_TAG = "millstream.first-view";
/** Addresses longer than this get a short one when they are sent. */
export const LONG = 2000;
/** What a tag of an experiment takes, less some for the name. */
export const LONGEST = 18_000;

const ID = /^[0-9a-z]{1,16}$/;

/** The views that the tags of an experiment hold; what cannot be read is left out. */
export function parseViews(tags: readonly KeyValue[]): Views {
  const all = tags.flatMap(({ key, value }) => (key.startsWith(VIEW_TAG) ? (parseView(key.slice(VIEW_TAG.length), value) ?? []) : []));
  const first = tags.find(({ key }) => key === FIRST_TAG)?.value ?? "";
  return { all: all.sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1)), first: all.some(({ id }) => id === first) ? first : "" };
}

function parseView(id: string, value: string): View[] | null {
  try {
    const found = JSON.parse(value) as { name?: unknown; query?: unknown } | null;
    if (!ID.test(id) || typeof found?.name !== "string" || typeof found.query !== "string") return null;
    return [{ id, name: found.name, search: withoutView(found.query) }];
  } catch {
    return null;
  }
}

/** The value of a view's tag. */
export const formatView = (view: Pick<View, "name" | "search">): string => JSON.stringify({ name: view.name, query: view.search });

/** The id of a view: of its name, or for one without a name of its query, so that the same is not kept twice. */
export const viewId = (name: string, search: string): string => hashText(name || search).toString(36) + hashText(`${name || search} `).toString(36);

/** The view that a query names, with `v`. */
export const viewOf = (search: string): string => new URLSearchParams(search).get("v") ?? "";

/** A query without the view it came from. */
export function withoutView(search: string): string {
  const query = new URLSearchParams(search);
  query.delete("v");
  const text = query.toString().replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%7E", "~");
  return text ? `?${text}` : "";
}

/** A query that also says which view it came from. */
export function withView(search: string, id: string): string {
  const bare = withoutView(search);
  return id ? `${bare ? `${bare}&` : "?"}v=${id}` : bare;
}

/** The query that an address means: that of its view, when it says nothing but which one. */
export function meant(search: string, views: Views): string {
  const bare = withoutView(search);
  return bare === "" ? (views.all.find(({ id }) => id === viewOf(search))?.search ?? "") : bare;
}

/** Whether two queries say the same, in whatever order. */
export function sameQuery(a: string, b: string): boolean {
  const sorted = (text: string): string => { const query = new URLSearchParams(text); query.sort(); return query.toString(); };
  return sorted(withoutView(a)) === sorted(withoutView(b));
}
