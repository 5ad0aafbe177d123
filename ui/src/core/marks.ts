/** What a reader chose for the runs of one experiment: colours of their own, and which runs are hidden. */

import { hashText, PALETTE, type Theme } from "./color";

/** More choices than this are not remembered; the oldest go first. */
export const MOST_MARKS = 5000;

export interface Marks {
  /** Chosen colours: a number is a place in the palette and so follows the theme, a text is `#rrggbb`. */
  colors: ReadonlyMap<string, number | string>;
  /** Whether runs show that are not in `except`. */
  shown: boolean;
  /** The runs for which the opposite of `shown` holds. */
  except: ReadonlySet<string>;
}

export const NO_MARKS: Marks = { colors: new Map(), shown: true, except: new Set() };

const HEX = /^#[0-9a-f]{6}$/i;

/** The colour of a run: the chosen one, else that of its id, which is the same in every browser and session. */
export function colorOf(marks: Marks, run: string, theme: Theme): string {
  const palette = PALETTE[theme];
  const chosen = marks.colors.get(run);
  if (typeof chosen === "string") return chosen;
  return palette[chosen ?? hashText(run) % palette.length] ?? palette[0];
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
  if (marks.colors.size === 0 && marks.shown && marks.except.size === 0) return "";
  const colors = Object.fromEntries([...marks.colors].slice(-MOST_MARKS));
  return JSON.stringify({ colors, shown: marks.shown, except: [...marks.except].slice(-MOST_MARKS) });
}

/** What was remembered; what cannot be read counts as nothing chosen. */
export function parseMarks(text: string | null): Marks {
  if (!text) return NO_MARKS;
  try {
    const found = JSON.parse(text) as { colors?: Record<string, unknown>; shown?: unknown; except?: unknown } | null;
    const colors = new Map<string, number | string>();
    for (const [run, color] of Object.entries(found?.colors ?? {})) {
      if (typeof color === "number" && color in PALETTE.light) colors.set(run, color);
      else if (typeof color === "string" && HEX.test(color)) colors.set(run, color);
    }
    const except = Array.isArray(found?.except) ? found.except.filter((run) => typeof run === "string") : [];
    return { colors, shown: found?.shown !== false, except: new Set(except) };
  } catch {
    return NO_MARKS;
  }
}
