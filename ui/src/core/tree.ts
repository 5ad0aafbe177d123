/** Experiments as folders: `team/vision/base` lies in `team`, then `vision`. */

import { byName } from "./order";

/** A folder needs so many experiments: a single one shows with its whole name instead. */
const LEAST = 2;

export interface TreeRow {
  kind: "folder" | "experiment";
  /** Of a folder: its names with `/`, which also is its id; of an experiment its place in the list. */
  path: string;
  at: number;
  /** What of the name the folders above do not say. */
  label: string;
  depth: number;
  /** Of a folder: the experiments in it, at any depth, and whether it shows them. */
  inside: readonly number[];
  open: boolean;
}

interface Folder {
  path: string;
  label: string;
  folders: Map<string, Folder>;
  /** Experiments right here: place in the list and name. */
  own: { at: number; label: string }[];
  inside: number[];
}

const newFolder = (path: string, label: string): Folder => ({ path, label, folders: new Map(), own: [], inside: [] });

/** The parts of a name; slashes at its ends, and several in a row, make no folders. */
export function partsOf(name: string): string[] {
  const parts = name.split("/").filter((part) => part.trim() !== "");
  return parts.length ? parts : [name];
}

/**
 * The rows of a tree of `names`, folders first, by name. `shown` are places in `names`; folders in `closed` show
 * nothing below them.
 */
export function treeRows(names: readonly string[], shown: readonly number[], closed: ReadonlySet<string>): TreeRow[] {
  const root = newFolder("", "");
  for (const at of shown) {
    const parts = partsOf(names[at] ?? "");
    let folder = root;
    folder.inside.push(at);
    for (const part of parts.slice(0, -1)) {
      const path = folder.path ? `${folder.path}/${part}` : part;
      let next = folder.folders.get(part);
      if (!next) folder.folders.set(part, (next = newFolder(path, part)));
      folder = next;
      folder.inside.push(at);
    }
    folder.own.push({ at, label: parts.at(-1) ?? "" });
  }
  const rows: TreeRow[] = [];
  addRows(rows, root, 0, closed);
  return rows;
}

function addRows(rows: TreeRow[], folder: Folder, depth: number, closed: ReadonlySet<string>): void {
  const own = [...folder.own];
  const folders: Folder[] = [];
  for (const each of folder.folders.values()) {
    if (each.inside.length < LEAST) own.push(onlyOne(each, each.label));
    else folders.push(joined(each));
  }
  for (const each of folders.sort((a, b) => byName(a.label, b.label))) {
    const open = !closed.has(each.path);
    rows.push({ kind: "folder", path: each.path, at: -1, label: each.label, depth, inside: each.inside, open });
    if (open) addRows(rows, each, depth + 1, closed);
  }
  for (const { at, label } of own.sort((a, b) => byName(a.label, b.label) || a.at - b.at)) {
    rows.push({ kind: "experiment", path: "", at, label, depth, inside: [], open: false });
  }
}

/** The experiment of a folder that holds but one, under the names of all folders down to it. */
function onlyOne(folder: Folder, label: string): { at: number; label: string } {
  const [mine] = folder.own;
  if (mine) return { at: mine.at, label: `${label}/${mine.label}` };
  const [next] = folder.folders.values();
  return next ? onlyOne(next, `${label}/${next.label}`) : { at: -1, label };
}

/** A folder in which there is nothing but one other folder is one with it. */
function joined(folder: Folder): Folder {
  const [next] = folder.folders.values();
  if (folder.own.length || folder.folders.size !== 1 || !next) return folder;
  return joined({ ...next, label: `${folder.label}/${next.label}` });
}

/** Places of the names that have every word of `search` in them, whatever the case; or whose id it is. */
export function matching(names: readonly string[], ids: readonly string[], search: string): number[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = search.trim();
  const found: number[] = [];
  for (let at = 0; at < names.length; at++) {
    const name = (names[at] ?? "").toLowerCase();
    if (words.every((word) => name.includes(word)) || ids[at] === wanted) found.push(at);
  }
  return found;
}
