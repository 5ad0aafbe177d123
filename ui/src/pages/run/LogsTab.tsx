/** Console output: the log files of a run, of which the end is shown and followed while the run lives. */

import { createMemo, For, Show, type JSX } from "solid-js";
import { load, repeat } from "../../app/load";
import { go, place } from "../../app/nav";
import { CopyButton, Failure } from "../../app/notices";
import { t } from "../../app/prefs";
import { isLog, LOG_FOLDERS } from "../../core/console";
import { runFiles } from "../../core/files";
import { byName } from "../../core/order";
import { runPath } from "../../core/router";
import { toInteger, type ArtifactFile, type Run } from "../../core/wire";
import { LogView } from "../../preview/LogView";

const MOST_FOLDERS = 8;

/** The files of console output: in the root, and in folders that are called so. */
async function findLogs(run: string, signal?: AbortSignal): Promise<ArtifactFile[]> {
  const files = runFiles(run);
  const top = await files.list("", signal);
  const folders = top.filter((file) => file.is_dir && LOG_FOLDERS.test(file.path)).slice(0, MOST_FOLDERS);
  const inside = await Promise.all(folders.map((folder) => files.list(folder.path, signal)));
  return [...top, ...inside.flat()].filter((file) => !file.is_dir && isLog(file.path)).sort((a, b) => byName(a.path, b.path));
}

export function LogsTab(props: { run: Run }): JSX.Element {
  const id = createMemo(() => props.run.info.run_id);
  const live = (): boolean => props.run.info.status === "RUNNING";
  const found = load(id, findLogs, { keep: true });
  // A log may come while the page is open.
  repeat(async (signal) => found.set(await findLogs(id(), signal)), () => (live() && !found.data()?.length ? 3000 : null));
  const paths = createMemo(() => (found.data() ?? []).map((file) => file.path), undefined, { equals: (a, b) => a.join("\n") === b.join("\n") });
  const shown = createMemo(() => {
    const asked = new URLSearchParams(place().search).get("path");
    return asked !== null && paths().includes(asked) ? asked : paths().find((path) => /(^|\/)(output|console|stdout)/i.test(path)) ?? paths()[0];
  });
  const source = createMemo(() => runFiles(id()));
  return (
    <>
      <Show when={found.error()}><Failure what={t("error.artifacts")} error={found.error()} retry={found.reload} /></Show>
      <Show when={found.loading() && !found.data() && !found.error()}><p class="quiet pad">{t("state.loading")}</p></Show>
      <Show when={found.data()?.length === 0}><NoLog live={live()} /></Show>
      <Show when={paths().length > 1}>
        <label class="field log-choice">
          <span class="quiet">{t("log.file")}</span>
          <select value={shown()} onChange={(event) => go(runPath(id(), "logs", event.currentTarget.value), true)}>
            <For each={paths()}>{(path) => <option value={path} selected={path === shown()}>{path}</option>}</For>
          </select>
        </label>
      </Show>
      <Show when={shown()} keyed>{(path) => <LogView source={source()} path={path} live={live()} empty={toInteger(found.data()?.find((file) => file.path === path)?.file_size) === 0} />}</Show>
    </>
  );
}

const SNIPPET = 'import sys\nimport millstream\n\nwith millstream.start_run():\n    sys.stdout = open("output.log", "w", buffering=1)\n    ...\n    millstream.log_artifact("output.log")';

function NoLog(props: { live: boolean }): JSX.Element {
  return (
    <div class="empty">
      <h2>{t("log.none")}</h2>
      <p>{t("log.where")}</p>
      <div class="snippet"><pre>{SNIPPET}</pre><CopyButton text={SNIPPET} label={t("action.copy")} /></div>
      <Show when={props.live}><p class="quiet">{t("log.waiting")}</p></Show>
    </div>
  );
}
