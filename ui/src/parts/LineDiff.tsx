/** Two texts as the lines that differ, with some of the same around them; load it lazily. */

import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { addTexts, t } from "../app/prefs";
import { diffLines, hunksOf, type DiffLine, type Hunk } from "../core/diff";
import en from "../i18n/diff.en.json";
import ko from "../i18n/diff.ko.json";
import "./diff.css";

addTexts({ en, ko });

/** More lines than this are shown only when the reader asks. */
const MOST_SHOWN = 1500;

export function LineDiff(props: { before: string; after: string; label?: string }): JSX.Element {
  const diff = createMemo(() => diffLines(props.before, props.after));
  const [whole, setWhole] = createSignal(false);
  const [more, setMore] = createSignal(false);
  const hunks = createMemo((): Hunk[] => (whole() ? [{ lines: diff().lines }] : hunksOf(diff().lines)));
  const shown = createMemo(() => (more() ? hunks() : bounded(hunks(), MOST_SHOWN)));
  const left = (): number => hunks().reduce((sum, hunk) => sum + size(hunk), 0) - shown().reduce((sum, hunk) => sum + size(hunk), 0);
  return (
    <Show when={diff().gone + diff().new > 0} fallback={<p class="quiet">{t("diff.same")}</p>}>
      <p class="quiet diff-facts">
        <span class="diff-new">+{diff().new}</span> <span class="diff-gone">−{diff().gone}</span>
        <Show when={hunks().some((hunk) => "skipped" in hunk) || whole()}>
          {" "}<button type="button" class="link" onClick={() => setWhole(!whole())}>{t(whole() ? "diff.changes" : "diff.whole")}</button>
        </Show>
        <Show when={diff().cut}>{" "}{t("diff.cut")}</Show>
      </p>
      <div class="diff" role="region" tabindex="0" aria-label={props.label ?? t("diff.label")}>
        <For each={shown()}>
          {(hunk) => (
            <Show when={"lines" in hunk ? hunk.lines : undefined} fallback={<p class="diff-gap quiet">{t("diff.skipped", { n: "skipped" in hunk ? hunk.skipped : 0 })}</p>}>
              {(lines) => <For each={lines()}>{(line) => <DiffRow line={line} />}</For>}
            </Show>
          )}
        </For>
      </div>
      <Show when={left() > 0}><p><button type="button" onClick={() => setMore(true)}>{t("diff.more", { n: left() })}</button></p></Show>
    </Show>
  );
}

const size = (hunk: Hunk): number => ("lines" in hunk ? hunk.lines.length : 1);

/** The first hunks, of `most` lines together. */
function bounded(hunks: readonly Hunk[], most: number): Hunk[] {
  const found: Hunk[] = [];
  let room = most;
  for (const hunk of hunks) {
    if (room <= 0) break;
    found.push("lines" in hunk ? { lines: hunk.lines.slice(0, room) } : hunk);
    room -= size(hunk);
  }
  return found;
}

const SIGN = { same: " ", gone: "−", new: "+" } as const;

function DiffRow(props: { line: DiffLine }): JSX.Element {
  return (
    <div class={`diff-line ${props.line.change}`}>
      <span class="diff-number" aria-hidden="true">{props.line.before ?? ""}</span>
      <span class="diff-number" aria-hidden="true">{props.line.after ?? ""}</span>
      <span class="diff-sign">{SIGN[props.line.change]}</span>
      <code>{props.line.text}</code>
    </div>
  );
}
