/** JSON as a tree that opens and closes, and as a table where it holds one. */

import { createMemo, createSignal, For, lazy, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { readWhole } from "../core/files";
import { parseJson, shortJson, tableOf, type JsonNode } from "../core/json_tree";
import { decodeText } from "../core/preview";
import { TableView } from "./TableView";
import { Loading, loadFile, Toggle, type ViewProps } from "./view";
import { sheetOf } from "./sheet";

const TextView = lazy(() => import("./TextView").then((module) => ({ default: module.TextView })));
const MOST = 8 * 2 ** 20;
const STEP = 100;

export function JsonView(props: ViewProps): JSX.Element {
  const loaded = loadFile(props, async (address, signal) => {
    const bytes = await readWhole(address, MOST, signal);
    return { node: bytes && parseJson(decodeText(bytes)), large: bytes === null, empty: bytes?.length === 0 };
  });
  return (
    <Loading path={props.path} loaded={loaded}>
      {(data) => (
        <Show when={data().node} fallback={<><Show when={!data().empty}><p class="note">{t(data().large ? "preview.json_large" : "preview.json_bad")}</p></Show><TextView source={props.source} path={props.path} /></>}>
          {(node) => <Tree node={node()} />}
        </Show>
      )}
    </Loading>
  );
}

function Tree(props: { node: JsonNode }): JSX.Element {
  const table = createMemo(() => tableOf(props.node));
  const [asTable, setAsTable] = createSignal(true);
  return (
    <>
      <Show when={table()}>
        <div class="view-bar">
          <Toggle on={asTable()} label={t("preview.table")} onChange={() => setAsTable(true)} />
          <Toggle on={!asTable()} label={t("preview.tree")} onChange={() => setAsTable(false)} />
        </div>
      </Show>
      <Show when={asTable() && table()} fallback={<div class="json" tabindex="0"><Node node={props.node} depth={0} /></div>}>
        {(found) => <TableView sheet={sheetOf(found())} />}
      </Show>
    </>
  );
}

function Node(props: { node: JsonNode; depth: number; name?: string; last?: boolean }): JSX.Element {
  return (
    <Show when={props.node.kind === "object" || props.node.kind === "array"} fallback={<div class="json-leaf"><Name name={props.name} /><Leaf node={props.node} /></div>}>
      <Branch node={props.node as Extract<JsonNode, { items: JsonNode[] }>} depth={props.depth} {...(props.name === undefined ? {} : { name: props.name })} />
    </Show>
  );
}

function Branch(props: { node: Extract<JsonNode, { items: JsonNode[] }>; depth: number; name?: string }): JSX.Element {
  const count = (): number => props.node.items.length;
  const [open, setOpen] = createSignal(props.depth === 0 || (props.depth < 3 && count() <= 20));
  const [shown, setShown] = createSignal(STEP);
  const keys = (): string[] | null => (props.node.kind === "object" ? props.node.keys : null);
  return (
    <div class="json-branch">
      <button type="button" class="json-head" aria-expanded={open()} onClick={() => setOpen(!open())}>
        <span class="twist" aria-hidden="true">▸</span>
        <Name name={props.name} />
        <Show when={open()} fallback={<span class="quiet">{shortJson(props.node)}</span>}><span class="quiet">{keys() ? "{}" : "[]"}</span></Show>
        <span class="quiet json-count">{count()}</span>
      </button>
      <Show when={open()}>
        <div class="json-inside">
          <For each={props.node.items.slice(0, shown())}>
            {(item, i) => <Node node={item} depth={props.depth + 1} name={keys()?.[i()] ?? String(i())} />}
          </For>
          <Show when={shown() < count()}>
            <button type="button" class="link" onClick={() => setShown(shown() + STEP * 10)}>{t("preview.more_items", { n: count() - shown() })}</button>
          </Show>
        </div>
      </Show>
    </div>
  );
}

function Name(props: { name?: string | undefined }): JSX.Element {
  return <Show when={props.name !== undefined}><span class="json-name">{props.name}</span><span class="quiet">: </span></Show>;
}

function Leaf(props: { node: JsonNode }): JSX.Element {
  const text = (): string => (props.node.kind === "string" ? JSON.stringify(props.node.text) : props.node.kind === "plain" ? props.node.text : "");
  const kind = (): string => (props.node.kind === "string" ? "string" : /^[-\dIN]/.test(text()) ? "number" : "word");
  return <span class={`tok-${kind()}`}>{text()}</span>;
}
