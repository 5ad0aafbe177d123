/** Texts by key. A text may hold `{name}` fields; a key with `_one` beside it follows the language's plural of `{n}`. */

export type Texts = Record<string, string>;
export type Fields = Record<string, string | number>;

/** The text of `key` in `texts`, else the key itself, so that a missing text is seen and breaks nothing. */
export function translate(texts: Texts, language: string, key: string, fields: Fields = {}): string {
  let text = texts[key];
  const one = texts[`${key}_one`];
  if (one !== undefined && typeof fields.n === "number" && new Intl.PluralRules(language).select(fields.n) === "one") {
    text = one;
  }
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = fields[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? new Intl.NumberFormat(language).format(value) : value;
  });
}

/** The first language of the browser's wishes that we speak. */
export function pickLanguage<T extends string>(wishes: readonly string[], spoken: readonly T[], otherwise: T): T {
  for (const wish of wishes) {
    const found = spoken.find((language) => wish.toLowerCase().split("-")[0] === language);
    if (found) return found;
  }
  return otherwise;
}
