/** A look into one file. What it holds is shown as text or as an image, never as markup of our page. */

import { createSignal, For, Match, Show, Switch, type JSX } from "solid-js";
import { load } from "../app/load";
import { Failure } from "../app/notices";
import { t } from "../app/prefs";
import { artifactAddress, getArtifactHead } from "../core/api";
import { formatBytes } from "../core/format";
import { decodeText, kindOfName, looksBinary, parseTable, prettyJson, PREVIEW_BYTES, type TextTable } from "../core/preview";

type Shown =
  | { kind: "text"; text: string; total: number | null; cut: boolean }
  | { kind: "table"; table: TextTable; total: number | null; cut: boolean }
  | { kind: "image" }
  | { kind: "binary"; total: number | null };

async function look(run: string, path: string, signal: AbortSignal): Promise<Shown> {
  const kind = kindOfName(path);
  if (kind === "image") return { kind };
  if (kind === "binary") return { kind, total: null };
  const { bytes, total } = await getArtifactHead(run, path, PREVIEW_BYTES, signal);
  if (looksBinary(bytes)) return { kind: "binary", total };
  const cut = total === null || total > bytes.length;
  const text = decodeText(bytes);
  if (kind === "table") return { kind, table: parseTable(cut ? wholeLines(text) : text, path.toLowerCase().endsWith(".tsv") ? "\t" : ","), total, cut };
  return { kind: "text", text: (kind === "json" && !cut ? prettyJson(text) : null) ?? text, total, cut };
}

/** The text without the line that the limit cut through. */
function wholeLines(text: string): string {
  const end = text.lastIndexOf("\n");
  return end < 0 ? text : text.slice(0, end + 1);
}

export function Preview(props: { run: string; path: string }): JSX.Element {
  const shown = load(() => [props.run, props.path] as const, ([run, path], signal) => look(run, path, signal));
  const as = <K extends Shown["kind"]>(kind: K): Extract<Shown, { kind: K }> | undefined => {
    const now = shown.data();
    return now?.kind === kind ? (now as Extract<Shown, { kind: K }>) : undefined;
  };
  return (
    <Switch fallback={<p class="quiet pad">{t("state.loading")}</p>}>
      <Match when={shown.error()}><Failure what={t("error.preview", { path: props.path })} error={shown.error()} retry={shown.reload} /></Match>
      <Match when={as("image")}><Picture run={props.run} path={props.path} /></Match>
      <Match when={as("table")}>
        {(found) => (
          <>
            <CutNote cut={found().cut} total={found().total} />
            <Show when={found().table.cut}><p class="note">{t("artifact.table_cut", { n: found().table.rows.length })}</p></Show>
            <Cells table={found().table} />
          </>
        )}
      </Match>
      <Match when={as("text")}>
        {(found) => (
          <>
            <CutNote cut={found().cut} total={found().total} />
            <Show when={found().text} fallback={<p class="quiet pad">{t("artifact.empty_file")}</p>}>
              <pre class="code" tabindex="0"><code>{found().text}</code></pre>
            </Show>
          </>
        )}
      </Match>
      <Match when={as("binary")}><p class="quiet pad">{t("artifact.binary")}</p></Match>
    </Switch>
  );
}

function CutNote(props: { cut: boolean; total: number | null }): JSX.Element {
  return (
    <Show when={props.cut}>
      <p class="note">
        {t("artifact.head_only", { head: formatBytes(PREVIEW_BYTES), all: props.total === null ? "?" : formatBytes(props.total) })}
      </p>
    </Show>
  );
}

function Picture(props: { run: string; path: string }): JSX.Element {
  const [failed, setFailed] = createSignal("");
  return (
    <Show when={failed() !== props.path} fallback={<p class="quiet pad">{t("artifact.bad_image")}</p>}>
      <div class="picture">
        <img src={artifactAddress(props.run, props.path)} alt={props.path} onError={() => setFailed(props.path)} />
      </div>
    </Show>
  );
}

function Cells(props: { table: TextTable }): JSX.Element {
  return (
    <div class="scroll-box table-box" tabindex="0">
      <table class="cells">
        <thead><tr><For each={props.table.header}>{(name) => <th scope="col">{name}</th>}</For></tr></thead>
        <tbody>
          <For each={props.table.rows}>
            {(row) => <tr><For each={row}>{(cell) => <td classList={{ number: cell.trim() !== "" && !Number.isNaN(Number(cell)) }}>{cell}</td>}</For></tr>}
          </For>
        </tbody>
      </table>
    </div>
  );
}
