/** What can be done with the ticked runs. Deleting only marks runs, so it is done at once and can be undone. */

import { createSignal, Show, type JSX } from "solid-js";
import { later, Overlay } from "../../app/later";
import type { RunMarks } from "../../app/marks";
import { Link } from "../../app/nav";
import { errorText, tell } from "../../app/notices";
import { t } from "../../app/prefs";
import { comparePath } from "../../core/compare_state";
import type { ViewType } from "../../core/wire";
import type { Bulk } from "./bulk";
import type { Selection } from "./selection";

const TagDialog = later(() => import("./BulkDialogs").then((module) => module.TagDialog));
const MoveDialog = later(() => import("./BulkDialogs").then((module) => module.MoveDialog));

interface Props {
  experiment: string;
  selection: Selection;
  /** Matching runs. */
  total: number;
  view: ViewType;
  allIds: () => Promise<string[]>;
  bulk: Bulk;
  marks: RunMarks;
  tagKeys: string[];
}

export function SelectionBar(props: Props): JSX.Element {
  const [dialog, setDialog] = createSignal<"tag" | "move" | null>(null);
  const ids = (): ReadonlySet<string> => props.selection.ids();
  const busy = (): boolean => props.bulk.progress() !== null;
  const takeAll = (): void => void props.allIds().then(props.selection.take, (error: unknown) => tell(errorText(error)));
  const comparison = (): string => comparePath([...ids()], [props.experiment]);
  return (
    <div class="selection-bar" role="region" aria-label={t("selection.label")}>
      <strong>{t("selection.count", { n: ids().size })}</strong>
      <Show when={ids().size < props.total} fallback={<span class="quiet">{t("selection.of", { n: props.total })}</span>}>
        <button type="button" class="link" onClick={takeAll}>{t("bulk.all", { n: props.total })}</button>
      </Show>
      <Show when={props.bulk.progress()} fallback={
        <>
          <Show when={ids().size > 1}>
            <Link class="button" to={comparison()}>{t("bulk.compare")}</Link>
          </Show>
          <button type="button" onClick={() => setDialog("tag")}>{t("bulk.tag")}</button>
          <Show when={props.view !== "DELETED_ONLY"}><button type="button" onClick={() => setDialog("move")}>{t("bulk.move")}</button></Show>
          <button type="button" onClick={() => (props.marks.allShown() ? props.marks.showOnly(ids()) : props.marks.showAll())}>
            {t(props.marks.allShown() ? "bulk.only" : "bulk.show_all")}
          </button>
          <Show when={props.view !== "DELETED_ONLY"}>
            <button type="button" class="danger" onClick={() => void props.bulk.remove(ids())}>{t("action.delete")}</button>
          </Show>
          <Show when={props.view !== "ACTIVE_ONLY"}>
            <button type="button" onClick={() => void props.bulk.restore(ids())}>{t("action.restore")}</button>
          </Show>
        </>
      }>
        {(now) => (
          <>
            <progress max={now().all} value={now().done} aria-label={t("bulk.progress", { n: now().done, all: now().all })} />
            <span class="quiet" role="status">{t("bulk.progress", { n: now().done, all: now().all })}</span>
            <button type="button" onClick={() => props.bulk.stop()}>{t("bulk.stop")}</button>
          </>
        )}
      </Show>
      <button type="button" class="icon-button" disabled={busy()} onClick={() => props.selection.clear()} aria-label={t("selection.clear")} title={t("selection.clear")}>✕</button>
      <Show when={dialog() === "tag"}>
        <Overlay onFail={() => setDialog(null)}>
          <TagDialog count={ids().size} keys={props.tagKeys} onClose={() => setDialog(null)}
            onSet={(key, value) => void props.bulk.tag(ids(), key, value)} onRemove={(key) => void props.bulk.untag(ids(), key)} />
        </Overlay>
      </Show>
      <Show when={dialog() === "move"}>
        <Overlay onFail={() => setDialog(null)}>
          <MoveDialog count={ids().size} from={props.experiment} onClose={() => setDialog(null)} onMove={(target) => void props.bulk.move(ids(), target)} />
        </Overlay>
      </Show>
    </div>
  );
}
