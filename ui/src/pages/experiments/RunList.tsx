/** A few runs, wherever they are: how they stand, where they lie, since when. */

import { For, Show, type JSX } from "solid-js";
import { Link } from "../../app/nav";
import { language, t } from "../../app/prefs";
import { StatusIcon, statusWord } from "../../app/status";
import { exactMoment, formatMoment } from "../../core/format";
import { runPath } from "../../core/router";
import type { RunTable } from "../../core/wire";

interface Props {
  title: string;
  table: RunTable | undefined;
  /** How many there are, also of those that are not listed. */
  count?: number;
  /** Names of experiments by id. */
  nameOf: ReadonlyMap<string, string>;
  now: number;
  /** What to say where there is no run; nothing shows when it is not given. */
  none?: string;
}

export function RunList(props: Props): JSX.Element {
  const ids = (): string[] => props.table?.run_id ?? [];
  return (
    <section class="card run-list" aria-label={props.title}>
      <h2>{props.title} <Show when={props.count}>{(count) => <span class="badge">{count().toLocaleString(language())}</span>}</Show></h2>
      <Show when={ids().length} fallback={<p class="quiet">{props.table ? props.none : t("state.loading")}</p>}>
        <ul>
          <For each={ids()}>
            {(id, at) => {
              const status = (): string => props.table?.status[at()] ?? "";
              const experiment = (): string => props.table?.experiment_id[at()] ?? "";
              const start = (): number | null => props.table?.start_time[at()] ?? null;
              return (
                <li>
                  <span title={statusWord(status())}><StatusIcon status={status()} /></span>
                  <span class="run-list-names">
                    <Link to={runPath(id)} class="run-name"><bdi>{props.table?.run_name[at()] || id}</bdi></Link>
                    <span class="quiet place"><bdi>{props.nameOf.get(experiment()) ?? experiment()}</bdi></span>
                  </span>
                  <span class="quiet when" title={exactMoment(start(), language())}>{formatMoment(start(), language(), props.now)}</span>
                </li>
              );
            }}
          </For>
        </ul>
      </Show>
    </section>
  );
}
