/** Numbers, times and sizes as people read them. */

const WHOLE_LIMIT = 1e7;

/** A number with 5 significant digits; whole numbers below ten million stay whole; ∞ and NaN are named. */
export function formatNumber(value: number | null): string {
  if (value === null) return "";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value) && Math.abs(value) < WHOLE_LIMIT) return String(value).replace("-", "−");
  const size = Math.abs(value);
  const text = size >= WHOLE_LIMIT || size < 1e-4 ? trimExponent(value.toExponential(4)) : String(Number(value.toPrecision(5)));
  return text.replace(/^-/, "−");
}

function trimExponent(text: string): string {
  const [digits = "", exponent = ""] = text.split("e");
  return `${Number(digits)}e${exponent.replace("+", "")}`;
}

/** Every digit of a number, for hover and copying. */
export function exactNumber(value: number | null): string {
  return value === null ? "" : String(value);
}

export interface DurationWords {
  d: string;
  h: string;
  m: string;
  s: string;
  ms: string;
}

const ENGLISH_DURATION: DurationWords = { d: "d", h: "h", m: "m", s: "s", ms: "ms" };

/** A length of time in its two largest units. */
export function formatDuration(ms: number | null, words: DurationWords = ENGLISH_DURATION): string {
  if (ms === null || !Number.isFinite(ms)) return "";
  const span = Math.max(0, ms);
  if (span < 1000) return `${Math.round(span)}${words.ms}`;
  if (span < 60_000) return `${(Math.floor(span / 100) / 10).toFixed(1)}${words.s}`;
  const seconds = Math.floor(span / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${words.m} ${seconds % 60}${words.s}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}${words.h} ${minutes % 60}${words.m}`;
  return `${Math.floor(hours / 24)}${words.d} ${hours % 24}${words.h}`;
}

/** A size in binary units. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return "";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(3))} ${units[unit]}`;
}

/** Whose midnight it is: that of the reader's machine, or that of Greenwich. */
export type Zone = "local" | "utc";

let zone: Zone = "local";

/** From now on moments are told in this time zone. */
export function setZone(next: Zone): void {
  zone = next;
}

/** Minutes that the clock of the reader is behind UTC at a moment. */
export const zoneOffset = (ms: number): number => (zone === "utc" ? 0 : new Date(ms).getTimezoneOffset());

/** A date whose UTC fields are those of the reader's clock. */
const onClock = (ms: number): Date => new Date(ms - zoneOffset(ms) * 60_000);

/** A moment, short: the time today, the day this year, else the date. */
export function formatMoment(ms: number | null, language: string, now: number): string {
  if (ms === null) return "";
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return exactNumber(ms);
  const [then, today] = [onClock(ms), onClock(now)];
  const sameYear = then.getUTCFullYear() === today.getUTCFullYear();
  const sameDay = sameYear && then.getUTCMonth() === today.getUTCMonth() && then.getUTCDate() === today.getUTCDate();
  const clock: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (sameDay) return formatter(language, { ...clock, second: "2-digit" }).format(date);
  if (sameYear) return formatter(language, { month: "short", day: "numeric", ...clock }).format(date);
  return formatter(language, { year: "numeric", month: "2-digit", day: "2-digit" }).format(date);
}

/** A moment in full, with its time zone. */
export function exactMoment(ms: number | null, language: string): string {
  if (ms === null) return "";
  const date = new Date(ms);
  // Calendars end; a time that somebody made up need not.
  if (Number.isNaN(date.getTime())) return exactNumber(ms);
  return formatter(language, { dateStyle: "medium", timeStyle: "long", hourCycle: "h23" }).format(date);
}

/** A mark of a time axis (ms) as short as the `spread` of its marks allows, by the reader's clock. */
export function formatTick(ms: number, spread: number): string {
  const date = onClock(ms);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  if (spread >= 300 * DAY) return `${date.getUTCFullYear()}-${day}`;
  if (spread >= 5 * DAY) return day;
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  if (spread >= DAY / 2) return `${day} ${clock}`;
  const seconds = `${clock}:${two(date.getUTCSeconds())}`;
  return spread < 5000 ? `${seconds}.${String(date.getUTCMilliseconds()).padStart(3, "0")}` : seconds;
}

const DAY = 86_400_000;

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const zoned = zone === "utc" ? { ...options, timeZone: "UTC" } : options;
  const key = language + JSON.stringify(zoned);
  let found = formatters.get(key);
  if (!found) formatters.set(key, (found = new Intl.DateTimeFormat(language, zoned)));
  return found;
}

/** A whole number with the language's grouping. */
export function formatCount(value: number, language: string): string {
  return new Intl.NumberFormat(language).format(value);
}
