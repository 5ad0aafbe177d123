/** What a run says of itself on one page: metrics and parameters first, then notes and what belongs to it. */

import { createMemo, Show, type JSX } from "solid-js";
import type { Loaded } from "../../app/load";
import { CopyButton } from "../../app/notices";
import { t } from "../../app/prefs";
import { HISTORY, type Above } from "../../core/related";
import type { Run } from "../../core/wire";
import { NOTE, Notes } from "./Notes";
import { MetricList, PairList } from "./pairs";
import { Children, Datasets, Models } from "./Related";

export function OverviewTab(props: { run: Run; loaded: Loaded<Run>; above: Above }): JSX.Element {
  const tags = createMemo(() => (props.run.data.tags ?? []).filter(({ key }) => key !== NOTE && key !== HISTORY));
  return (
    <div class="overview">
      <MetricList run={props.run} />
      <PairList title={t("run.params")} none={t("run.no_params")} pairs={props.run.data.params ?? []} />
      <div class="overview-side">
        <Notes run={props.run} loaded={props.loaded} />
        <Models run={props.run} />
        <Children run={props.run} above={props.above} />
        <Datasets run={props.run} />
        <PairList title={t("run.tags")} none={t("run.no_tags")} pairs={tags()} />
      </div>
      <Show when={props.run.info.artifact_uri}>
        {(uri) => (
          <p class="quiet uri">{t("run.artifact_uri")} <span class="mono path">{uri()}</span> <CopyButton text={uri()} label={t("action.copy")} /></p>
        )}
      </Show>
    </div>
  );
}
