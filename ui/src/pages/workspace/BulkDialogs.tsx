/** Questions about many runs: which tag, which experiment. Loaded when they are first asked. */

import { createSignal, For, Show, type JSX } from "solid-js";
import { load } from "../../app/load";
import { Failure } from "../../app/notices";
import { t } from "../../app/prefs";
import { searchExperiments } from "../../core/api";
import { byName } from "../../core/order";
import type { Experiment } from "../../core/wire";
import { Dialog } from "../../parts/Dialog";

interface TagProps {
  count: number;
  /** Names of tags that runs have, to choose from. */
  keys: string[];
  onSet: (key: string, value: string) => void;
  onRemove: (key: string) => void;
  onClose: () => void;
}

export function TagDialog(props: TagProps): JSX.Element {
  const [key, setKey] = createSignal("");
  const [value, setValue] = createSignal("");
  const known = (): boolean => props.keys.includes(key().trim());
  const set = (event: Event): void => {
    event.preventDefault();
    if (!key().trim()) return;
    props.onSet(key().trim(), value());
    props.onClose();
  };
  return (
    <Dialog title={t("bulk.tag_title", { n: props.count })} onClose={props.onClose}>
      <form class="dialog-form" onSubmit={set}>
        <label>
          <span>{t("bulk.key")}</span>
          <input type="text" required autofocus list="tag-keys" value={key()} onInput={(event) => setKey(event.currentTarget.value)} />
        </label>
        <datalist id="tag-keys"><For each={props.keys}>{(each) => <option value={each} />}</For></datalist>
        <label>
          <span>{t("bulk.value")}</span>
          <input type="text" value={value()} onInput={(event) => setValue(event.currentTarget.value)} />
        </label>
        <div class="dialog-actions">
          <Show when={known()}>
            <button type="button" class="danger" onClick={() => { props.onRemove(key().trim()); props.onClose(); }}>{t("bulk.remove")}</button>
          </Show>
          <button type="button" onClick={() => props.onClose()}>{t("bulk.cancel")}</button>
          <button type="submit" class="primary" disabled={!key().trim()}>{t("bulk.set")}</button>
        </div>
      </form>
    </Dialog>
  );
}

interface MoveProps {
  count: number;
  from: string;
  onMove: (experiment: string) => void;
  onClose: () => void;
}

async function others(from: string, signal: AbortSignal): Promise<Experiment[]> {
  const all: Experiment[] = [];
  let next: string | undefined;
  do {
    const page = await searchExperiments({ view_type: "ACTIVE_ONLY", ...(next ? { page_token: next } : {}) }, signal);
    all.push(...page.experiments);
    next = page.next;
  } while (next);
  return all.filter((each) => each.experiment_id !== from).sort((a, b) => byName(a.name, b.name));
}

export function MoveDialog(props: MoveProps): JSX.Element {
  const [target, setTarget] = createSignal("");
  const experiments = load(() => props.from, others);
  const move = (event: Event): void => {
    event.preventDefault();
    if (!target()) return;
    props.onMove(target());
    props.onClose();
  };
  return (
    <Dialog title={t("bulk.move_title", { n: props.count })} onClose={props.onClose}>
      <Show when={experiments.error()}><Failure what={t("error.experiments")} error={experiments.error()} retry={experiments.reload} /></Show>
      <form class="dialog-form" onSubmit={move}>
        <Show when={experiments.data()?.length !== 0} fallback={<p class="quiet">{t("bulk.no_experiments")}</p>}>
          <label>
            <span>{t("bulk.to")}</span>
            <select required value={target()} onChange={(event) => setTarget(event.currentTarget.value)}>
              <option value="" />
              <For each={experiments.data()}>{(each) => <option value={each.experiment_id}>{each.name}</option>}</For>
            </select>
          </label>
        </Show>
        <div class="dialog-actions">
          <button type="button" onClick={() => props.onClose()}>{t("bulk.cancel")}</button>
          <button type="submit" class="primary" disabled={!target()}>{t("bulk.do_move")}</button>
        </div>
      </form>
    </Dialog>
  );
}
