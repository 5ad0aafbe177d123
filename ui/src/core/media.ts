/** Pictures, sound and films that runs logged step by step, by the names that MLflow gives them. */

import { byName } from "./order";
import { toInteger, type ArtifactFile } from "./wire";

export type MediaKind = "image" | "audio" | "video";

export interface Medium {
  run: string;
  key: string;
  step: number;
  time: number;
  path: string;
  kind: MediaKind;
  size: number | null;
}

/** Where they are looked for. MLflow has `images` only. */
export const MEDIA_FOLDERS = ["images", "audio", "videos"] as const;

const KINDS: Record<string, MediaKind> = {
  png: "image", jpg: "image", jpeg: "image", gif: "image", webp: "image", avif: "image", bmp: "image",
  wav: "audio", mp3: "audio", ogg: "audio", flac: "audio", m4a: "audio", mp4: "video", webm: "video", mov: "video",
};

/** What a file's path says; null for a file that is none. `a#b%step%3%timestamp%1700%<uuid>.png` is step 3 of "a/b". */
export function readMedium(run: string, file: ArtifactFile): Medium | null {
  const found = /(?:^|\/)([^/]+)%step%(\d+)%timestamp%(\d+)%[^/.]*\.(\w+)$/.exec(file.path);
  const kind = KINDS[(found?.[4] ?? "").toLowerCase()];
  if (!found || !kind || file.is_dir) return null;
  const [, key = "", step, time] = found;
  return { run, key: key.replaceAll("#", "/"), step: Number(step), time: Number(time), path: file.path, kind, size: toInteger(file.file_size) };
}

export interface MediaSet {
  key: string;
  /** Steps at which some run has one, in order. */
  steps: number[];
  /** By run and step; of two at one step the later. */
  runs: Map<string, Map<number, Medium>>;
}

/** Media by key. Of MLflow's small copies beside pictures (`.webp` of the same name) only the picture is kept. */
export function mediaSets(media: readonly Medium[]): MediaSet[] {
  const pictures = new Set(media.filter((each) => !each.path.endsWith(".webp")).map((each) => each.run + stem(each.path)));
  const sets = new Map<string, MediaSet>();
  for (const each of media) {
    if (each.path.endsWith(".webp") && pictures.has(each.run + stem(each.path))) continue;
    let set = sets.get(each.key);
    if (!set) sets.set(each.key, (set = { key: each.key, steps: [], runs: new Map() }));
    let steps = set.runs.get(each.run);
    if (!steps) set.runs.set(each.run, (steps = new Map()));
    const before = steps.get(each.step);
    if (!before || before.time <= each.time) steps.set(each.step, each);
  }
  for (const set of sets.values()) {
    set.steps = [...new Set([...set.runs.values()].flatMap((steps) => [...steps.keys()]))].sort((a, b) => a - b);
  }
  return [...sets.values()].sort((a, b) => byName(a.key, b.key));
}

const stem = (path: string): string => path.replace(/\.\w+$/, "");

/** What a run had at `step`: the last one up to it; undefined when it has none yet. */
export function mediumAt(steps: ReadonlyMap<number, Medium> | undefined, step: number): Medium | undefined {
  let found: Medium | undefined;
  for (const [at, medium] of steps ?? []) if (at <= step && (!found || at > found.step)) found = medium;
  return found;
}
