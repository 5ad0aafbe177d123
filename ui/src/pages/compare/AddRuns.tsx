/** More runs to compare, of any experiment: found by name or id, the newest first. */

import { createSignal, For, Show, type JSX } from "solid-js";
import { load } from "../../app/load";
import { Failure } from "../../app/notices";
import { language, t } from "../../app/prefs";
import { StatusIcon } from "../../app/status";
import { getRuns } from "../../core/api";
import { formatMoment } from "../../core/format";
import type { RunTable } from "../../core/wire";
import { Dialog } from "../../parts/Dialog";
import { allExperiments } from "./compared";

const MOST = 100;

interface Found {
  table: RunTable;
  names: ReadonlyMap<string, string>;
}

/** The grammar takes one kind of quote in a text; any sign stands for both. */
const filterOf = (text: string): string => {
  const words = text.trim().replaceAll(/["']/g, "_");
  if (!words) return "";
  return /^[0-9a-f]{32}$/.test(words) ? `attributes.run_id = '${words}'` : `attributes.run_name ILIKE '%${words}%'`;
};

async function search(text: string, signal: AbortSignal): Promise<Found> {
  const experiments = (await allExperiments(signal)).filter((each) => each.lifecycle_stage !== "deleted");
  const table = await getRuns({
    experiment_ids: experiments.map((each) => each.experiment_id), filter: filterOf(text), order_by: ["attributes.start_time DESC"], view: "ACTIVE_ONLY",
    offset: 0, limit: MOST, columns: [],
  }, signal);
  return { table, names: new Map(experiments.map((each) => [each.experiment_id, each.name])) };
}

export function AddRuns(props: { has: ReadonlySet<string>; onAdd: (runs: string[]) => void; onClose: () => void }): JSX.Element {
  const [text, setText] = createSignal("");
  const [asked, setAsked] = createSignal("");
  const [picked, setPicked] = createSignal<ReadonlySet<string>>(new Set());
  let timer: ReturnType<typeof setTimeout> | undefined;
  const type = (words: string): void => {
    setText(words);
    clearTimeout(timer);
    timer = setTimeout(() => setAsked(words), 200);
  };
  const found = load(asked, search, { keep: true });
  const rows = (): number[] => (found.data()?.table.run_id ?? []).map((_, at) => at);
  const toggle = (run: string): void => {
    const next = new Set(picked());
    if (!next.delete(run)) next.add(run);
    setPicked(next);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (picked().size) props.onAdd([...picked()]);
  };
  return (
    <Dialog title={t("compare.add_title")} wide onClose={props.onClose}>
      <form class="dialog-form" onSubmit={submit}>
        <input type="search" autofocus placeholder={t("compare.find_runs")} aria-label={t("compare.find_runs")} value={text()} onInput={(event) => type(event.currentTarget.value)} />
        <Show when={found.error()}><Failure what={t("error.runs")} error={found.error()} retry={found.reload} /></Show>
        <div class="run-choices" aria-busy={found.loading()}>
          <For each={rows()} fallback={<p class="quiet">{t(found.loading() ? "state.loading" : "compare.none_found")}</p>}>
            {(at) => {
              const table = (): RunTable => (found.data() as Found).table;
              const run = (): string => table().run_id[at] ?? "";
              return (
                <label>
                  <input type="checkbox" disabled={props.has.has(run())} checked={props.has.has(run()) || picked().has(run())} onChange={() => toggle(run())} />
                  <StatusIcon status={table().status[at] ?? ""} />
                  <span class="choice-name">{table().run_name[at] || run()}</span>
                  <span class="quiet">{found.data()?.names.get(table().experiment_id[at] ?? "")}</span>
                  <span class="quiet">{formatMoment(table().start_time[at] ?? null, language(), Date.now())}</span>
                </label>
              );
            }}
          </For>
        </div>
        <Show when={(found.data()?.table.total ?? 0) > MOST}><p class="quiet">{t("compare.more_found", { n: MOST, all: found.data()?.table.total ?? 0 })}</p></Show>
        <div class="dialog-actions">
          <button type="button" onClick={() => props.onClose()}>{t("bulk.cancel")}</button>
          <button type="submit" class="primary" disabled={picked().size === 0}>{t("compare.add_picked", { n: picked().size })}</button>
        </div>
      </form>
    </Dialog>
  );
}
