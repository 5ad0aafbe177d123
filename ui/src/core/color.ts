/** Run colours: they belong to a run's id, never to its place in a list. */

/**
 * Ten colours, each at least 3:1 against the page of its theme, and as far from each other as can be for all eyes, those too
 * that see no red, green or blue: they differ in lightness where hues fall together (checked by a test).
 */
export const PALETTE = {
  light: ["#2f6fde", "#b65f54", "#1a5534", "#a81065", "#7305b6", "#785f02", "#156286", "#f740b0", "#979012", "#747d87"],
  dark: ["#6ea3ff", "#af701a", "#c0eac2", "#d02e82", "#915aef", "#d0ad24", "#0a85b2", "#f1bffe", "#5cff43", "#9a9a9a"],
} as const;

export type Theme = keyof typeof PALETTE;

/** A 32-bit FNV-1a hash, the same in every browser and session. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) >>> 0;
}

/**
 * A colour for each run shown together. A run gets the colour of its hash; where two shown runs would share
 * one, the later in id order takes the next free, so order and sorting never change a colour.
 */
export function assignColors(runIds: readonly string[], theme: Theme): Map<string, string> {
  const palette = PALETTE[theme];
  const taken = new Set<number>();
  const colors = new Map<string, string>();
  for (const id of [...new Set(runIds)].sort()) {
    let slot = hashText(id) % palette.length;
    if (taken.size < palette.length) while (taken.has(slot)) slot = (slot + 1) % palette.length;
    taken.add(slot);
    colors.set(id, palette[slot] ?? palette[0]);
  }
  return colors;
}

/** Contrast of two `#rrggbb` colours, 1 to 21 (WCAG 2). */
export function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

function luminance(color: string): number {
  const channel = (at: number): number => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
