/** Why no run matches: how many runs each clause finds by itself, and one click to drop it. */

import { For, Show, type JSX } from "solid-js";
import { load } from "../../app/load";
import { t } from "../../app/prefs";
import { countRuns } from "../../core/api";
import { clausesOf, joinClauses } from "../../core/query";
import { quickClauses, type TableState } from "../../core/url_state";

interface Props {
  experiment: string;
  state: TableState;
  onChange: (part: Partial<TableState>) => void;
}

interface Clause {
  text: string;
  drop: Partial<TableState>;
}

export function NoneMatch(props: Props): JSX.Element {
  const clauses = (): Clause[] => {
    const { filter, status, since } = props.state;
    const all = clausesOf(filter);
    return [
      ...all.map((text, i) => ({ text, drop: { filter: joinClauses(all.filter((_, at) => at !== i)) } })),
      ...quickClauses({ status, since: null }, 0).map((text) => ({ text, drop: { status: [] } })),
      ...quickClauses({ status: [], since }, Date.now()).map((text) => ({ text, drop: { since: null } })),
    ];
  };
  return (
    <div class="empty">
      <h2>{t("runs.none_match")}</h2>
      <Show when={clauses().length > 0}>
        <Show when={clauses().length > 1}><p class="quiet">{t("none.each")}</p></Show>
        <ul class="clauses">
          <For each={clauses()}>{(clause) => <Row {...props} clause={clause} alone={clauses().length === 1} />}</For>
        </ul>
        <p><button type="button" onClick={() => props.onChange({ filter: "", status: [], since: null })}>{t("runs.drop_filter")}</button></p>
      </Show>
      <Show when={clauses().length === 0 && props.state.view === "DELETED_ONLY"}><p class="quiet">{t("runs.none_deleted")}</p></Show>
    </div>
  );
}

function Row(props: Props & { clause: Clause; alone: boolean }): JSX.Element {
  const count = load(() => props.clause.text, (filter, signal) => countRuns({ experiment_ids: [props.experiment], filter, view: props.state.view }, signal));
  return (
    <li>
      <code>{props.clause.text}</code>
      <span class="quiet" classList={{ bad: count.data() === 0 }}>{count.data() === undefined ? "…" : t("count.match", { n: count.data() ?? 0 })}</span>
      <Show when={!props.alone}>
        <button type="button" class="link" onClick={() => props.onChange(props.clause.drop)} aria-label={t("none.drop", { clause: props.clause.text })}>{t("none.drop_short")}</button>
      </Show>
    </li>
  );
}
