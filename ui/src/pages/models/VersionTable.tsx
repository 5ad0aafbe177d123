/** The versions of a model: stage and aliases are changed in place, two of them are compared. */

import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { clock, type Loaded } from "../../app/load";
import { Link } from "../../app/nav";
import { language, t } from "../../app/prefs";
import { exactMoment, formatMoment } from "../../core/format";
import { deleteAlias, moveVersion, setAlias, type ModelVersion } from "../../core/registry";
import { runPath, versionPath } from "../../core/router";
import { toInteger } from "../../core/wire";
import { edit } from "./edits";
import { Aliases } from "./Editing";
import type { Versions } from "./ModelPage";
import { StageSelect } from "./StageSelect";

interface Props {
  name: string;
  versions: Loaded<Versions>;
  onMore: () => void;
  onChanged: () => void;
  onCompare: (before: string, after: string) => void;
}

export function VersionTable(props: Props): JSX.Element {
  const [picked, setPicked] = createSignal<string[]>([]);
  const now = clock(() => true);
  const items = createMemo(() => props.versions.data()?.items ?? []);
  // The row of a version stays an element though its values change, so that the focus stays in it.
  const numbers = createMemo(() => items().map((each) => each.version), [], { equals: (a, b) => a.join() === b.join() });
  const byNumber = createMemo(() => new Map(items().map((each) => [each.version, each])));
  const toggle = (version: string): void => void setPicked((before) => (before.includes(version) ? before.filter((each) => each !== version) : [...before, version].slice(-2)));
  const both = (): [string, string] => { const [a = "", b = ""] = [...picked()].sort((x, y) => Number(x) - Number(y)); return [a, b]; };
  const change = async (patch: (version: ModelVersion) => ModelVersion, work: () => Promise<unknown>): Promise<void> => {
    if (await edit(props.versions, (was) => ({ ...was, items: was.items.map(patch) }), work)) props.onChanged();
  };
  const addAlias = (version: string, alias: string): void => void change(
    (each) => ({ ...each, aliases: [...(each.aliases ?? []).filter((one) => one !== alias), ...(each.version === version ? [alias] : [])] }),
    () => setAlias(props.name, alias, version));
  const dropAlias = (alias: string): void => void change((each) => ({ ...each, aliases: (each.aliases ?? []).filter((one) => one !== alias) }), () => deleteAlias(props.name, alias));
  const move = (version: string, stage: string, archive: boolean): void => void change(
    (each) => (each.version === version ? { ...each, current_stage: stage } : archive && each.current_stage === stage ? { ...each, current_stage: "Archived" } : each),
    () => moveVersion(props.name, version, stage, archive));
  return (
    <section class="card versions" aria-label={t("models.versions")}>
      <div class="card-head">
        <h2>{t("models.versions")} <span class="quiet">{items().length}{props.versions.data()?.more ? "+" : ""}</span></h2>
        <button type="button" disabled={picked().length !== 2} onClick={() => props.onCompare(...both())}>
          {picked().length === 2 ? t("models.compare_two", { a: both()[0], b: both()[1] }) : t("models.pick_two")}
        </button>
      </div>
      <Show when={items().length} fallback={<p class="quiet">{props.versions.data() ? t("models.no_versions_yet") : props.versions.error() ? "" : t("state.loading")}</p>}>
        <div class="versions-scroll">
          <table class="list">
            <thead>
              <tr>
                <th scope="col"><span class="hidden">{t("models.pick")}</span></th>
                <th scope="col">{t("models.version")}</th>
                <th scope="col">{t("models.aliases")}</th>
                <th scope="col">{t("models.stage")}</th>
                <th scope="col">{t("models.source_run")}</th>
                <th scope="col">{t("models.created")}</th>
                <th scope="col">{t("models.owner")}</th>
                <th scope="col">{t("column.status")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={numbers()}>
                {(number) => (
                  <Show when={byNumber().get(number)}>
                    {(version) => (
                      <tr>
                        <td><input type="checkbox" checked={picked().includes(number)} aria-label={t("models.pick_one", { n: number })} onChange={() => toggle(number)} /></td>
                        <td class="name"><Link to={versionPath(props.name, number)}>{t("models.version_n", { n: number })}</Link>
                          <Show when={version().description}>{(text) => <p class="quiet model-about" title={text()}>{text()}</p>}</Show></td>
                        <td><Aliases version={number} aliases={version().aliases ?? []} onAdd={(alias) => addAlias(number, alias)} onRemove={dropAlias} /></td>
                        <td><StageSelect version={version()} onMove={(stage, archive) => move(number, stage, archive)} /></td>
                        <td><Show when={version().run_id} fallback={<span class="quiet">–</span>}>{(run) => <Link class="mono" to={runPath(run())}>{run().slice(0, 8)}</Link>}</Show></td>
                        <td class="quiet" title={exactMoment(toInteger(version().creation_timestamp), language())}>{formatMoment(toInteger(version().creation_timestamp), language(), now())}</td>
                        <td>{version().user_id}</td>
                        <td><Readiness version={version()} /></td>
                      </tr>
                    )}
                  </Show>
                )}
              </For>
            </tbody>
          </table>
        </div>
        <Show when={props.versions.data()?.more}><p><button type="button" onClick={() => props.onMore()}>{t("models.more")}</button></p></Show>
      </Show>
    </section>
  );
}

export function Readiness(props: { version: ModelVersion }): JSX.Element {
  const word = (): string => props.version.status ?? "READY";
  const key = (): string => (word() === "READY" ? "ready" : word() === "PENDING_REGISTRATION" ? "pending" : "failed_status");
  return <span class={`readiness ${key()}`} title={props.version.status_message}>{t(`models.${key()}`)}</span>;
}
