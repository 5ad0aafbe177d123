/** What a reader starred, folded away and looked at; remembered in this browser, the same in all its tabs. */

import { createSignal, type Accessor } from "solid-js";
import { inFront, parseList, toggled } from "../core/remembered";
import { recall, remember } from "./prefs";

const MOST = 500;
const MOST_RUNS = 6;

export interface Visited {
  id: string;
  name: string;
  /** The name of its experiment. */
  place: string;
}

interface Kept {
  all: Accessor<ReadonlySet<string>>;
  toggle: (item: string) => void;
}

const takes = new Map<string, (text: string | null) => void>();

function kept(name: string): Kept {
  const [list, setList] = createSignal<readonly string[]>(parseList(recall(name)));
  takes.set(`millstream.${name}`, (text) => setList(parseList(text)));
  return {
    all: () => new Set(list()),
    toggle: (item) => {
      setList(toggled(list(), item, MOST));
      remember(name, JSON.stringify(list()));
    },
  };
}

/** Ids of experiments. */
export const stars = kept("stars");
/** Folders of experiments that are closed. */
export const folded = kept("folded");

const RUNS = "visited";
const [recentRuns, setRecentRuns] = createSignal<readonly Visited[]>(parseRuns(recall(RUNS)));

export { recentRuns };

/** Notes that the reader looks at a run. */
export function visit(run: Visited): void {
  setRecentRuns((all) => inFront(all, run, (a, b) => a.id === b.id, MOST_RUNS));
  remember(RUNS, JSON.stringify(recentRuns().map(({ id, name, place }) => JSON.stringify([id, name, place]))));
}

function parseRuns(text: string | null): Visited[] {
  return parseList(text).flatMap((each) => {
    const [id, name, place] = parseList(each);
    return id ? [{ id, name: name ?? id, place: place ?? "" }] : [];
  });
}

window.addEventListener("storage", (event) => takes.get(event.key ?? "")?.(event.newValue));
