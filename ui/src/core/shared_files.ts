/** Files that several runs have: one tree of all, with who has what. */

import { byName } from "./order";
import { toInteger, type ArtifactFile } from "./wire";

export interface SharedFile {
  path: string;
  folder: boolean;
  /** Size in each run that has it, by run; null where it is not known. */
  sizes: ReadonlyMap<string, number | null>;
}

/** The entries of one folder of all runs: folders first, then what most runs have. */
export function sharedFiles(listings: ReadonlyMap<string, readonly ArtifactFile[]>): SharedFile[] {
  const found = new Map<string, { path: string; folder: boolean; sizes: Map<string, number | null> }>();
  for (const [run, files] of listings) {
    for (const file of files) {
      const id = `${file.is_dir ? "d" : "f"} ${file.path}`;
      let entry = found.get(id);
      if (!entry) found.set(id, (entry = { path: file.path, folder: file.is_dir, sizes: new Map() }));
      entry.sizes.set(run, toInteger(file.file_size));
    }
  }
  return [...found.values()].sort((a, b) => Number(b.folder) - Number(a.folder) || b.sizes.size - a.sizes.size || byName(a.path, b.path));
}
