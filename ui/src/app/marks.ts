/**
 * Which colour a run has and whether charts show it: one answer for tables, charts and comparisons. Remembered in
 * the browser by experiment, and the same in all its tabs.
 */

import { createSignal, untrack } from "solid-js";
import { colorOf, formatMarks, isVisible, parseMarks, withAll, withColor, withDistinct, withOnly, withVisible, type Marks } from "../core/marks";
import { recall, remember, theme } from "./prefs";

export interface RunMarks {
  /** The colour of a run in the theme in force, `#rrggbb`. */
  color(run: string): string;
  /** Gives runs that are shown together different colours, the first ones first, as far as there are some; remembered. */
  distinguish(runs: readonly string[]): void;
  /** Gives a run a colour of the reader's choice; null takes that of its id again. */
  setColor(run: string, color: string | null): void;
  /** Whether the reader chose the colour. */
  chosen(run: string): boolean;
  visible(run: string): boolean;
  toggle(run: string): void;
  show(runs: Iterable<string>, visible: boolean): void;
  /** Hides all runs but these. */
  showOnly(runs: Iterable<string>): void;
  showAll(): void;
  /** Whether every run shows, so that there is nothing to undo. */
  allShown(): boolean;
}

const known = new Map<string, { own: RunMarks; take: (text: string | null) => void }>();
const PREFIX = "marks.";

/** The marks of one experiment's runs; every caller gets the same, and all calls of it are reactive. */
export function marksOf(experiment: string): RunMarks {
  const found = known.get(experiment);
  if (found) return found.own;
  const [marks, setMarks] = createSignal<Marks>(parseMarks(recall(PREFIX + experiment)));
  const change = (next: Marks): void => {
    setMarks(next);
    remember(PREFIX + experiment, formatMarks(next));
  };
  const own: RunMarks = {
    color: (run) => colorOf(marks(), run, theme()),
    distinguish: (runs) => {
      const next = withDistinct(untrack(marks), runs);
      if (next !== untrack(marks)) change(next);
    },
    setColor: (run, color) => change(withColor(marks(), run, color)),
    chosen: (run) => marks().colors.has(run),
    visible: (run) => isVisible(marks(), run),
    toggle: (run) => change(withVisible(marks(), [run], !isVisible(marks(), run))),
    show: (runs, visible) => change(withVisible(marks(), runs, visible)),
    showOnly: (runs) => change(withOnly(marks(), runs)),
    showAll: () => change(withAll(marks())),
    allShown: () => marks().shown && marks().except.size === 0,
  };
  known.set(experiment, { own, take: (text) => setMarks(parseMarks(text)) });
  return own;
}

window.addEventListener("storage", (event) => {
  if (event.key === null) for (const each of known.values()) each.take(null);
  else if (event.key.startsWith(`millstream.${PREFIX}`)) known.get(event.key.slice(`millstream.${PREFIX}`.length))?.take(event.newValue);
});
