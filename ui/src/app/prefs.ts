/** Language and theme: picked from the browser, changed by the reader, remembered on this machine. */

import { createSignal } from "solid-js";
import { pickLanguage, translate, type Fields, type Texts } from "../core/i18n";
import type { Theme } from "../core/color";
import { setZone, type DurationWords, type Zone } from "../core/format";
import en from "../i18n/en.json";

export type Language = "en" | "ko";
export type ThemeChoice = "auto" | "light" | "dark";

/** English is here at once, and stands in for what another language lacks or until it has come. */
const TEXTS: Record<Language, Texts> = { en, ko: { ...en } };
const COMING: Partial<Record<Language, () => Promise<{ default: Texts }>>> = { ko: () => import("../i18n/ko.json") };

/** Further texts, of a part of the pages that loads later. */
export function addTexts(more: Record<Language, Texts>): void {
  for (const each of LANGUAGES) Object.assign(TEXTS[each], more[each]);
}
const LANGUAGES: readonly Language[] = ["en", "ko"];
const THEMES: readonly ThemeChoice[] = ["auto", "light", "dark"];
const ZONES: readonly Zone[] = ["local", "utc"];

/** A remembered value, or null; storage may be off in a private window. */
export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`millstream.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`millstream.${key}`, value);
  } catch {
    // Nothing to do: the choice holds until the page closes.
  }
}

const asked = recall("language");
const [language, showLanguage] = createSignal<Language>(
  LANGUAGES.find((each) => each === asked) ?? pickLanguage(navigator.languages, LANGUAGES, "en"),
);
const [choice, showChoice] = createSignal<ThemeChoice>(THEMES.find((each) => each === recall("theme")) ?? "auto");
const [zone, showZone] = createSignal<Zone>(ZONES.find((each) => each === recall("zone")) ?? "local");
setZone(zone());
const darkWish = matchMedia("(prefers-color-scheme: dark)");
const [wishedDark, setWishedDark] = createSignal(darkWish.matches);
darkWish.addEventListener("change", (event) => setWishedDark(event.matches));

export { language, choice as themeChoice, zone };

let wished: Language | undefined;

export async function setLanguage(next: Language): Promise<void> {
  wished = next;
  remember("language", next);
  await fetchTexts(next);
  // The reader may have chosen another meanwhile.
  if (wished !== next) return;
  showLanguage(next);
  mark();
}

/** Done when the texts of a language are here, or cannot be had. */
async function fetchTexts(wanted: Language): Promise<void> {
  const found = await COMING[wanted]?.().catch(() => undefined);
  if (!found) return;
  Object.assign(TEXTS[wanted], found.default);
  delete COMING[wanted];
}

/** Does `work` with the texts of the reader's language: at once where they are here. */
export function withTexts(work: () => void): void {
  if (COMING[language()]) void fetchTexts(language()).then(work);
  else work();
}

export function setTheme(next: ThemeChoice): void {
  remember("theme", next);
  showChoice(next);
  mark();
}

/** What is told from now on is told in this zone. */
export function chooseZone(next: Zone): void {
  remember("zone", next);
  setZone(next);
  showZone(next);
}

/** The theme in force. */
export function theme(): Theme {
  const chosen = choice();
  return chosen === "auto" ? (wishedDark() ? "dark" : "light") : chosen;
}

/** Puts language and theme on the document, where style and screen readers look. */
export function mark(): void {
  document.documentElement.lang = language();
  if (choice() === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice();
}

/** The text of `key` in the reader's language. */
export function t(key: string, fields?: Fields): string {
  return translate(TEXTS[language()], language(), key, fields);
}

/** Units of time in the reader's language. */
export function durationWords(): DurationWords {
  return { d: t("unit.d"), h: t("unit.h"), m: t("unit.m"), s: t("unit.s"), ms: t("unit.ms") };
}
