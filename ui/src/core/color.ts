/** Run colours: they belong to a run's id, never to its place in a list. */

/** Ten hues, each at least 3:1 against the page of its theme (checked by a test). */
export const PALETTE = {
  light: ["#2f6fde", "#c2570c", "#0f8a5f", "#c9304f", "#7a4fd0", "#8a6d00", "#0b85a3", "#b5379b", "#5a7a1c", "#6b6f7a"],
  dark: ["#6ea3ff", "#f59145", "#3ecb95", "#ff7a92", "#b394ff", "#d9b93a", "#4cc4e3", "#f07fd6", "#a3cf57", "#a7adba"],
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
