/** The values of one key in full; texts of several lines as what differs from the baseline's. */

import { createMemo, For, Show, type JSX } from "solid-js";
import { CopyButton } from "../../app/notices";
import { t } from "../../app/prefs";
import { exactNumber } from "../../core/format";
import type { Line, Value } from "../../core/comparison";
import { Dialog } from "../../parts/Dialog";
import { LineDiff } from "../../parts/LineDiff";
import type { ComparedRun } from "./compared";
import { labelOf } from "./CompareGrid";

/** More are not listed at once: the table has them all. */
const MOST = 50;

export function ValueDialog(props: { line: Line; runs: ComparedRun[]; onClose: () => void }): JSX.Element {
  const base = (): Value => props.line.values[0] ?? null;
  const isText = createMemo(() => props.line.values.some((value) => typeof value === "string" && value.includes("\n")));
  const text = (value: Value): string => (typeof value === "number" ? exactNumber(value) : (value ?? ""));
  return (
    <Dialog title={labelOf(props.line)} wide onClose={props.onClose}>
      <div class="value-list">
        <For each={props.runs.slice(0, MOST)}>
          {(run, at) => (
            <section>
              <h3><span class="dot" style={{ background: run.color }} /> {run.name} <CopyButton text={text(props.line.values[at()] ?? null)} label={t("action.copy")} /></h3>
              <Show when={props.line.values[at()] !== null} fallback={<p class="quiet">{t("compare.has_none")}</p>}>
                <Show when={isText() && at() > 0 && base() !== null} fallback={<pre class="value-text">{text(props.line.values[at()] ?? null)}</pre>}>
                  <LineDiff before={text(base())} after={text(props.line.values[at()] ?? null)} />
                </Show>
              </Show>
            </section>
          )}
        </For>
      </div>
      <Show when={props.runs.length > MOST}><p class="quiet">{t("compare.first_runs", { n: MOST })}</p></Show>
    </Dialog>
  );
}
