/** The command palette: what the page can do, and every experiment, run and model by a few letters of its name. */

import { createEffect, createMemo, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import { experimentPath, matchRoute, modelPath, runPath } from "../core/router";
import { seek, type Found } from "../core/seek";
import { Modal } from "../parts/Modal";
import { commands, setOpened, type Command } from "./commands";
import { go } from "./nav";
import { errorText } from "./notices";
import { setTheme, t, theme } from "./prefs";
import { recentRuns } from "./visited";
import "./overlays.css";
import "./shell_texts";

/** Milliseconds without a key before the server is asked. */
const REST = 160;

interface Item {
  section: string;
  label: string;
  place: string;
  keys?: string | undefined;
  run: () => void;
}

export function Palette(): JSX.Element {
  const [text, setText] = createSignal("");
  const [found, setFound] = createSignal<Found[]>([]);
  const [state, setState] = createSignal<"idle" | "asking" | "done">("idle");
  const [failure, setFailure] = createSignal<unknown>();
  const [active, setActive] = createSignal(0);
  const words = createMemo(() => text().trim());
  createEffect(on(words, (wanted) => {
    setActive(0);
    setFailure(undefined);
    if (!wanted) { setFound([]); return void setState("idle"); }
    setState("asking");
    const stop = new AbortController();
    const timer = setTimeout(() => void seek(wanted, matchRoute("/models").page !== "missing", stop.signal).then(
      (answer) => { if (!stop.signal.aborted) { setFound(answer); setState("done"); } },
      (error: unknown) => { if (!stop.signal.aborted) { setFound([]); setFailure(() => error); setState("done"); } },
    ), REST);
    onCleanup(() => { clearTimeout(timer); stop.abort(); });
  }));
  const close = (): void => void setOpened(null);
  const items = createMemo((): Item[] => {
    const wanted = words().toLowerCase().split(/\s+/).filter(Boolean);
    const doable = [...commands(), ...everywhere()].filter((each) => each.run && wanted.every((word) => each.label.toLowerCase().includes(word)));
    const done = doable.map((each): Item => ({ section: t("palette.actions"), label: each.label, place: "", keys: each.keys, run: each.run ?? close }));
    const recent = words() ? [] : recentRuns().map((run): Item => ({ section: t("palette.recent"), label: run.name, place: run.place, run: () => go(runPath(run.id)) }));
    return [...found().map(itemOf), ...recent, ...done];
  });
  const take = (item: Item | undefined): void => {
    if (!item) return;
    close();
    // After the dialog gave the focus back, so that what the command opens may take it.
    setTimeout(item.run);
  };
  const key = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    const count = items().length;
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step && count) setActive((now) => (now + step + count) % count);
    else if (event.key === "Enter") take(items()[active()]);
    else return;
    event.preventDefault();
  };
  createEffect(() => document.getElementById(`palette-${active()}`)?.scrollIntoView({ block: "nearest" }));
  return (
    <Modal class="palette" label={t("palette.title")} onClose={close}>
      <input type="text" role="combobox" autofocus aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" aria-label={t("palette.find")}
        aria-activedescendant={items().length ? `palette-${active()}` : undefined} placeholder={t("palette.find")} autocomplete="off" spellcheck={false}
        value={text()} onInput={(event) => setText(event.currentTarget.value)} onKeyDown={key} />
      <ul id="palette-list" class="palette-list" role="listbox" aria-label={t("palette.results")}>
        <For each={items()}>
          {(item, at) => (
            <>
              <Show when={item.section !== items()[at() - 1]?.section}><li class="palette-section" role="presentation">{item.section}</li></Show>
              <li id={`palette-${at()}`} role="option" aria-selected={active() === at()} classList={{ active: active() === at() }}
                onPointerMove={() => setActive(at())} onClick={() => take(item)}>
                <span class="palette-label"><bdi>{item.label}</bdi></span>
                <Show when={item.place}><span class="quiet palette-place"><bdi>{item.place}</bdi></span></Show>
                <Show when={item.keys}><kbd>{item.keys}</kbd></Show>
              </li>
            </>
          )}
        </For>
      </ul>
      <p class="quiet palette-state" role="status">
        <Show when={failure()} fallback={state() === "asking" ? t("palette.asking") : state() === "done" && found().length === 0 ? t("palette.nothing", { text: words() }) : ""}>
          {errorText(failure())}
        </Show>
      </p>
    </Modal>
  );
}

function itemOf(found: Found): Item {
  const address = { experiment: experimentPath, run: runPath, model: modelPath }[found.kind](found.id);
  return { section: t(`palette.${found.kind}s`), label: found.label, place: found.place, run: () => go(address) };
}

/** What every page can do. */
function everywhere(): Command[] {
  return [
    { label: t("palette.go", { page: t("experiments.title") }), keys: "g e", run: () => go("/") },
    ...(matchRoute("/models").page === "missing" ? [] : [{ label: t("palette.go", { page: t("rail.models") }), keys: "g m", run: () => go("/models") }]),
    { label: t("palette.go", { page: t("settings.title") }), keys: "g s", run: () => go("/settings") },
    { label: t(theme() === "dark" ? "palette.light" : "palette.dark"), run: () => setTheme(theme() === "dark" ? "light" : "dark") },
    { label: t("help.title"), keys: "?", run: () => setOpened("help") },
  ];
}
