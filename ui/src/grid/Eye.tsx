/** The colour of a run; with charts beside the table also the switch that hides it there. */

import { Show, type JSX } from "solid-js";
import type { RunMarks } from "../app/marks";
import { t } from "../app/prefs";

export function Eye(props: { marks: RunMarks; run: string; name: string; eyes: boolean }): JSX.Element {
  const visible = (): boolean => props.marks.visible(props.run);
  return (
    <Show when={props.eyes} fallback={<span class="dot" style={{ background: props.marks.color(props.run) }} />}>
      <button type="button" class="eye" classList={{ off: !visible() }} tabindex="-1" aria-pressed={visible()}
        aria-label={t("marks.show", { name: props.name })} title={t(visible() ? "marks.hide_it" : "marks.show_it")}
        style={{ "--mark": props.marks.color(props.run) }}
        onClick={(event) => { event.stopPropagation(); props.marks.toggle(props.run); }}>
        <span class="dot" />
      </button>
    </Show>
  );
}
