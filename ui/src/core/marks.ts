/** What a reader chose for the runs of one experiment: colours of their own, and which runs are hidden. */

import { hashText, PALETTE, type Theme } from "./color";

/** More choices than this are not remembered; the oldest go first. */
export const MOST_MARKS = 5000;

export interface Marks {
  /** Chosen colours: a number is a place in the palette and so follows the theme, a text is `#rrggbb`. */
  colors: ReadonlyMap<string, number | string>;
  /** Places in the palette of runs that were shown together, so that no two of them look alike. */
  places: ReadonlyMap<string, number>;
  /** Whether runs show that are not in `except`. */
  shown: boolean;
  /** The runs for which the opposite of `shown` holds. */
  except: ReadonlySet<string>;
}

export const NO_MARKS: Marks = { colors: new Map(), places: new Map(), shown: true, except: new Set() };

const HEX = /^#[0-9a-f]{6}$/i;

/**
 * The colour of a run: the chosen one, else the one it got among others, else that of its id, which is the same in every
 * browser and session.
 */
export function colorOf(marks: Marks, run: string, theme: Theme): string {
  const palette = PALETTE[theme];
  const chosen = marks.colors.get(run);
  if (typeof chosen === "string") return chosen;
  return palette[chosen ?? placeOf(marks, run)] ?? palette[0];
}

const placeOf = (marks: Marks, run: string): number => marks.places.get(run) ?? hashText(run) % PALETTE.light.length;

/**
 * With a colour of its own for each of the runs, as far as the palette goes: the first ones count. Who has a colour keeps
 * it; of two alike the later takes the next free one, and keeps that when the runs stand in another order.
 */
export function withDistinct(marks: Marks, runs: readonly string[]): Marks {
  const size = PALETTE.light.length;
  const some = runs.slice(0, size);
  const taken = new Set<number | string>(some.flatMap((run) => marks.colors.get(run) ?? []));
  const keeps = (run: string): boolean => {
    const place = marks.places.get(run);
    if (place === undefined || taken.has(place)) return false;
    taken.add(place);
    return true;
  };
  const lacking = some.filter((run) => !marks.colors.has(run)).filter((run) => !keeps(run));
  if (lacking.length === 0) return marks;
  const places = new Map(marks.places);
  for (const run of lacking) {
    let place = placeOf(marks, run);
    while (taken.has(place)) place = (place + 1) % size;
    taken.add(place);
    // The newest goes last: when there are too many, the oldest are forgotten.
    places.delete(run);
    places.set(run, place);
  }
  return { ...marks, places };
}

/** With a colour for a run, or with null its own again. Colours of a palette follow the theme; what is none is left out. */
export function withColor(marks: Marks, run: string, color: string | null): Marks {
  const colors = new Map(marks.colors);
  colors.delete(run);
  const value = color?.toLowerCase() ?? "";
  const place = [PALETTE.light, PALETTE.dark].map((palette) => (palette as readonly string[]).indexOf(value)).find((at) => at >= 0);
  if (place !== undefined) colors.set(run, place);
  else if (HEX.test(value)) colors.set(run, value);
  return { ...marks, colors };
}

export function isVisible(marks: Marks, run: string): boolean {
  return marks.shown !== marks.except.has(run);
}

/** With the runs shown or hidden; the others stay as they are. */
export function withVisible(marks: Marks, runs: Iterable<string>, visible: boolean): Marks {
  const except = new Set(marks.except);
  for (const run of runs) {
    if (visible === marks.shown) except.delete(run);
    else except.add(run);
  }
  return { ...marks, except };
}

/** Only these runs shown, also among runs that come later. */
export function withOnly(marks: Marks, runs: Iterable<string>): Marks {
  return { ...marks, shown: false, except: new Set(runs) };
}

/** Every run shown, those to come too. */
export function withAll(marks: Marks): Marks {
  return { ...marks, shown: true, except: new Set() };
}

/** As a text to remember; empty where nothing was chosen. */
export function formatMarks(marks: Marks): string {
  if (marks.colors.size === 0 && marks.places.size === 0 && marks.shown && marks.except.size === 0) return "";
  const colors = Object.fromEntries([...marks.colors].slice(-MOST_MARKS));
  const places = Object.fromEntries([...marks.places].slice(-MOST_MARKS));
  return JSON.stringify({ colors, places, shown: marks.shown, except: [...marks.except].slice(-MOST_MARKS) });
}

/** What was remembered; what cannot be read counts as nothing chosen. */
export function parseMarks(text: string | null): Marks {
  if (!text) return NO_MARKS;
  try {
    const found = JSON.parse(text) as { colors?: Record<string, unknown>; places?: Record<string, unknown>; shown?: unknown; except?: unknown } | null;
    const colors = new Map<string, number | string>();
    for (const [run, color] of Object.entries(found?.colors ?? {})) {
      if (typeof color === "number" && color in PALETTE.light) colors.set(run, color);
      else if (typeof color === "string" && HEX.test(color)) colors.set(run, color);
    }
    const places = new Map(Object.entries(found?.places ?? {}).filter((each): each is [string, number] => typeof each[1] === "number" && each[1] in PALETTE.light));
    const except = Array.isArray(found?.except) ? found.except.filter((run) => typeof run === "string") : [];
    return { colors, places, shown: found?.shown !== false, except: new Set(except) };
  } catch {
    return NO_MARKS;
  }
}
