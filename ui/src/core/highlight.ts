/** Source code in a few colours: comments, texts, numbers, words of the language. Light, and never wrong enough to hurt. */

export type Token = "" | "comment" | "string" | "number" | "word" | "added" | "removed" | "place";

export interface Piece {
  kind: Token;
  text: string;
}

/** Longer texts stay plain. */
export const MOST_COLOURED = 300_000;

const NUMBER = String.raw`(?<![\w.])(?:0[xX][\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)(?!\w)`;
const DOUBLE = String.raw`"(?:[^"\\\n]|\\.)*"?`;
const SINGLE = String.raw`'(?:[^'\\\n]|\\.)*'?`;

const WORDS = {
  python: "False None True and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return self try while with yield",
  script: "as async await break case catch class const continue default delete do else enum export extends false finally for from function if implements import in instanceof interface let new null of private public return static super switch this throw true try type typeof undefined var void while yield",
  native: "auto bool break case char class const continue default do double else enum extern false final float fn for func go if impl import include int interface let long match mod mut namespace new null nullptr package private public pub return short signed sizeof static struct super switch template this throw true try type typedef union unsigned use using var void volatile while",
  shell: "case do done elif else esac export fi for function if in local return then until while",
  sql: "select from where and or not null insert into values update set delete create table index join left right inner outer on group by order having limit as distinct union all case when then else end with primary key",
  data: "true false null yes no on off none NaN Infinity",
};

interface Grammar {
  comment: string;
  text: string;
  words: string;
  anyCase?: boolean;
}

const HASH = String.raw`(?<!\S)#.*`;
const C = String.raw`\/\/.*|\/\*[^]*?(?:\*\/|$)`;
const GRAMMARS: Record<string, Grammar> = {
  python: { comment: "#.*", text: String.raw`"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|${DOUBLE}|${SINGLE}`, words: WORDS.python },
  script: { comment: C, text: String.raw`${"`"}(?:[^${"`"}\\]|\\.)*${"`"}?|${DOUBLE}|${SINGLE}`, words: WORDS.script },
  native: { comment: C, text: `${DOUBLE}|${SINGLE}`, words: WORDS.native },
  shell: { comment: HASH, text: `${DOUBLE}|${SINGLE}`, words: WORDS.shell },
  sql: { comment: String.raw`--.*|\/\*[^]*?(?:\*\/|$)`, text: `${SINGLE}|${DOUBLE}`, words: WORDS.sql, anyCase: true },
  data: { comment: HASH, text: `${DOUBLE}|(?<!\\w)${SINGLE}`, words: WORDS.data },
  markup: { comment: "<!--[^]*?(?:-->|$)", text: `(?<==\\s*)(?:${DOUBLE}|${SINGLE})`, words: "" },
};

const LANGUAGES: Record<string, string> = {
  py: "python", pyi: "python", js: "script", mjs: "script", ts: "script", tsx: "script", jsx: "script", c: "native", h: "native", cpp: "native", cc: "native",
  hpp: "native", cu: "native", java: "native", go: "native", rs: "native", cs: "native", sh: "shell", bash: "shell", zsh: "shell", dockerfile: "shell",
  makefile: "shell", sql: "sql", json: "data", jsonl: "data", ipynb: "data", yaml: "data", yml: "data", toml: "data", ini: "data", cfg: "data", conf: "data",
  env: "data", mlmodel: "data", mlproject: "data", html: "markup", htm: "markup", xml: "markup", svg: "markup", diff: "diff", patch: "diff",
};

/** The language of a file by its name; "" for plain text. */
export function languageOf(path: string): string {
  const base = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  return LANGUAGES[base.slice(base.lastIndexOf(".") + 1)] ?? "";
}

const patterns = new Map<string, RegExp>();

function patternOf(grammar: Grammar, language: string): RegExp {
  let found = patterns.get(language);
  if (!found) {
    const words = grammar.words ? `(?<![\\w$.-])(?:${grammar.words.replaceAll(" ", "|")})(?![\\w$-])` : "(?!)";
    found = new RegExp(`(${grammar.comment})|(${grammar.text})|(${NUMBER})|(${words})`, grammar.anyCase ? "gi" : "g");
    patterns.set(language, found);
  }
  return found;
}

/** A text in lines, each in pieces; a piece never holds a line end. */
export function colour(text: string, language: string): Piece[][] {
  if (language === "diff") return text.split("\n").map((line) => [{ kind: diffKind(line), text: line }]);
  const grammar = GRAMMARS[language];
  if (!grammar || text.length > MOST_COLOURED) return text.split("\n").map((line) => [{ kind: "", text: line }]);
  const lines: Piece[][] = [[]];
  const push = (kind: Token, part: string): void => {
    for (const [i, line] of part.split("\n").entries()) {
      if (i) lines.push([]);
      if (line) lines.at(-1)?.push({ kind, text: line });
    }
  };
  let at = 0;
  for (const found of text.matchAll(patternOf(grammar, language))) {
    if (!found[0]) continue;
    push("", text.slice(at, found.index));
    push(found[1] !== undefined ? "comment" : found[2] !== undefined ? "string" : found[3] !== undefined ? "number" : "word", found[0]);
    at = found.index + found[0].length;
  }
  push("", text.slice(at));
  return lines;
}

function diffKind(line: string): Token {
  if (/^(\+\+\+|---|diff |index )/.test(line)) return "word";
  if (line.startsWith("@@")) return "place";
  return line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "";
}
