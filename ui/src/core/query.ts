/** The filter language as far as the page needs it: where clauses begin and end, and what may come at a place. */

import { quoteKey, type KeyFacts } from "./columns";
import { byName } from "./order";

export interface Token {
  kind: "word" | "string" | "operator" | "sign";
  text: string;
  start: number;
  /** Not included. */
  end: number;
}

const PATTERN = /'[^']*'?|(?:[^\s(),=<>!'"`]|`[^`]*`?|(?<=\.)"[^"]*"?)+|"[^"]*"?|[<>!=]=?|<>|[(),]/g;

export function tokensOf(text: string): Token[] {
  return [...text.matchAll(PATTERN)].map((found) => {
    const [word] = found;
    const first = word[0] ?? "";
    const kind = "'\"".includes(first) ? "string" : "<>!=".includes(first) ? "operator" : "(),".includes(first) ? "sign" : "word";
    return { kind, text: word, start: found.index, end: found.index + word.length };
  });
}

const is = (token: Token | undefined, ...words: string[]): boolean => token?.kind === "word" && words.includes(token.text.toUpperCase());

/** What all must hold, one by one: the parts between the outermost ANDs; the whole where OR stands outside. */
export function clausesOf(text: string): string[] {
  const clauses: string[] = [];
  let depth = 0;
  let from = 0;
  for (const token of tokensOf(text)) {
    if (token.text === "(") depth += 1;
    else if (token.text === ")") depth -= 1;
    else if (depth === 0 && is(token, "OR")) return [text.trim()].filter(Boolean);
    else if (depth === 0 && is(token, "AND")) {
      clauses.push(text.slice(from, token.start).trim());
      from = token.end;
    }
  }
  clauses.push(text.slice(from).trim());
  return clauses.filter(Boolean);
}

/** Clauses as one filter again. */
export const joinClauses = (clauses: readonly string[]): string => clauses.join(" AND ");

/** One filter that asks for what both ask. */
export function bothFilters(text: string, more: readonly string[]): string {
  if (more.length === 0) return text;
  return text.trim() ? `(${text}) AND ${joinClauses(more)}` : joinClauses(more);
}

/** A text as a value in a filter; null where it holds both kinds of quotes, which no filter can say. */
export function quoteValue(text: string): string | null {
  if (!text.includes("'")) return `'${text}'`;
  return text.includes('"') ? null : `"${text}"`;
}

const JOINING = /^(and|or|not|is|in|null|r?like|ilike|contains)$/i;

/** Plain words as a filter that looks for them; null for what is, or begins to be, a filter. */
export function wordsFilter(text: string): string | null {
  const tokens = tokensOf(text);
  const isWord = ({ kind, text: word }: Token): boolean =>
    kind === "word" && !JOINING.test(word) && kindOf(word) === "attribute" && ![...TEXT_KEYS, ...TIME_KEYS, "text"].includes(word) && !/^(attributes?|datasets?)\./i.test(word);
  if (tokens.length === 0 || !tokens.every(isWord)) return null;
  const quoted = quoteValue(text.trim());
  return quoted && `text CONTAINS ${quoted}`;
}

/** The character (from 0) that an error of the server speaks of, or null. */
export function errorPlace(message: string): number | null {
  const found = /character (\d+)/.exec(message);
  return found ? Number(found[1]) - 1 : null;
}

export interface Suggestion {
  /** What is put in. */
  text: string;
  label: string;
  kind: "attribute" | "metric" | "param" | "tag" | "operator" | "value" | "word";
  /** How many runs have it. */
  runs?: number;
}

export interface Completion {
  /** The part of the text that a suggestion replaces. */
  start: number;
  end: number;
  /** What is typed of it. */
  typed: string;
  expects: "key" | "operator" | "value" | "join";
  /** The key that an operator or value belongs to. */
  key: string | null;
  inList: boolean;
}


/** What may stand at `cursor`. */
export function completionAt(text: string, cursor: number): Completion {
  const tokens = tokensOf(text);
  const current = tokens.find((token) => token.start < cursor && cursor <= token.end && token.kind !== "sign" && !(token.kind === "operator"));
  const before = tokens.filter((token) => token.end <= (current?.start ?? cursor));
  let expects: Completion["expects"] = "key";
  let key: string | null = null;
  let list = false;
  for (const [i, token] of before.entries()) {
    if (list) {
      if (token.text === ")") [list, expects] = [false, "join"];
      else expects = "value";
    } else if (expects === "key") {
      if (token.text === "(" || is(token, "NOT")) continue;
      [key, expects] = [token.text, "operator"];
    } else if (expects === "operator") {
      if (is(token, "IS") || is(token, "NOT")) continue;
      if (is(token, "NULL")) expects = "join";
      else expects = "value";
    } else if (expects === "value") {
      if (token.text === "(") list = is(before[i - 1], "IN");
      else expects = "join";
    } else if (is(token, "AND", "OR")) [expects, key] = ["key", null];
  }
  const start = current?.start ?? cursor;
  return { start, end: current?.end ?? cursor, typed: text.slice(start, cursor), expects, key, inList: list };
}

const TEXT_KEYS = ["status", "run_name", "user_id", "run_id", "artifact_uri"];
const TIME_KEYS = ["start_time", "end_time"];
const NUMERIC = ["=", "!=", "<", "<=", ">", ">="];
const TEXTUAL = ["=", "!=", "LIKE", "ILIKE", "RLIKE", "CONTAINS"];

/** Which kind of key a key of a filter is. */
export function kindOf(key: string): Suggestion["kind"] {
  const prefix = key.split(".")[0]?.toLowerCase() ?? "";
  if (/^metrics?$/.test(prefix)) return "metric";
  if (/^param(eter)?s?$/.test(prefix)) return "param";
  return /^tags?$/.test(prefix) ? "tag" : "attribute";
}

export function operatorsOf(key: string): string[] {
  switch (kindOf(key)) {
    case "metric": return NUMERIC;
    case "param": return [...NUMERIC, ...TEXTUAL.slice(2), "IN (", "NOT IN (", "IS NULL", "IS NOT NULL"];
    case "tag": return [...TEXTUAL, "IN (", "NOT IN (", "IS NULL", "IS NOT NULL"];
    default: {
      const name = key.split(".").at(-1) ?? "";
      if (TIME_KEYS.includes(name)) return NUMERIC;
      return name === "text" ? ["CONTAINS"] : TEXTUAL;
    }
  }
}

/** Keys, operators or joining words that fit what is typed, the best first; values come from the server. */
export function suggestionsFor(at: Completion, facts: KeyFacts, most = 50): Suggestion[] {
  if (at.expects === "key") return keysFor(at.typed, facts).slice(0, most);
  const word = (text: string, kind: Suggestion["kind"]): Suggestion => ({ text, label: text, kind });
  const typed = at.typed.toUpperCase();
  if (at.expects === "operator" && at.key) {
    return operatorsOf(at.key).filter((each) => each.startsWith(typed) && each !== typed).map((each) => word(each, "operator"));
  }
  if (at.expects === "join") return ["AND", "OR"].filter((each) => each.startsWith(typed) && each !== typed).map((each) => word(each, "word"));
  return [];
}

function keysFor(typed: string, facts: KeyFacts): Suggestion[] {
  const wanted = typed.toLowerCase().replaceAll("`", "");
  const all: Suggestion[] = [
    ...[...facts.metrics].map(([key, runs]) => named("metric", key, runs)),
    ...[...facts.params].map(([key, fact]) => named("param", key, fact.runs)),
    ...[...facts.tags].map(([key, runs]) => named("tag", key, runs)),
    ...[...TEXT_KEYS, ...TIME_KEYS, "text"].map((key): Suggestion => ({ text: key, label: key, kind: "attribute" })),
  ];
  if (/^metrics?\./.test(wanted)) {
    for (const key of facts.metrics.keys()) {
      for (const part of ["min", "max", "first", "mean"]) all.push({ text: `metrics.\`${key}\`.${part}`, label: `metrics.${key}.${part}`, kind: "metric" });
    }
  }
  // What begins with the typed text, itself or behind its dot, is likelier meant than what holds it somewhere.
  const rank = ({ label }: Suggestion): number => {
    const name = label.toLowerCase();
    if (name.startsWith(wanted) || name.slice(name.indexOf(".") + 1).startsWith(wanted)) return 0;
    return name.includes(wanted) ? 1 : 2;
  };
  const own = (text: string): boolean => text.replaceAll("`", "") === typed.replaceAll("`", "");
  return all.map((each) => [rank(each), each] as const).filter(([place, each]) => place < 2 && !own(each.text))
    .sort(([a, x], [b, y]) => a - b || (x.kind === y.kind ? byName(x.label, y.label) : 0)).map(([, each]) => each);
}

function named(kind: "metric" | "param" | "tag", key: string, runs: number): Suggestion {
  return { text: `${kind}s.${quoteKey(key)}`, label: `${kind}s.${key}`, kind, runs };
}

/** The text with a suggestion put in, and where the cursor stands then. */
export function complete(text: string, at: Completion, chosen: string): { text: string; cursor: number } {
  const gap = chosen.endsWith("(") || /^\s/.test(text.slice(at.end)) ? "" : " ";
  const before = text.slice(0, at.start);
  const lead = before && !/[\s(]$/.test(before) ? `${before} ` : before;
  const cursor = lead.length + chosen.length + (chosen.endsWith("(") ? 0 : 1);
  return { text: lead + chosen + gap + text.slice(at.end), cursor };
}

