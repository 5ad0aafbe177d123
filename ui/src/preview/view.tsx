/** What all looks into files share. */

import { createSignal, Show, type Accessor, type JSX } from "solid-js";
import { load, type Loaded } from "../app/load";
import { Failure } from "../app/notices";
import { recall, remember, t } from "../app/prefs";
import { ApiError } from "../core/api";
import { readPart, type FileSource } from "../core/files";
import "../app/run_texts";
import "./preview.css";

export interface ViewProps {
  source: FileSource;
  path: string;
}

/** The file's address. */
export const addressOf = (props: ViewProps): string => props.source.address(props.path);

/** Loads something of the file, and again when another is looked at. */
export function loadFile<T>(props: ViewProps, read: (address: string, signal: AbortSignal) => Promise<T>): Loaded<T> {
  return load(() => addressOf(props), read);
}

/** What went wrong with a file, and what to do. */
export function FileFailure(props: { path: string; error: unknown; retry: () => void }): JSX.Element {
  const gone = (): boolean => props.error instanceof ApiError && props.error.status === 404;
  return (
    <div class="pad">
      <Failure what={t(gone() ? "preview.gone" : "preview.failed", { path: props.path })} error={props.error} retry={props.retry} />
      <p class="quiet">{t(gone() ? "preview.gone_next" : "preview.failed_next")}</p>
    </div>
  );
}

/** What was loaded, or that it is under way, or why it failed. */
export function Loading<T>(props: { path: string; loaded: Loaded<T>; children: (data: Accessor<T>) => JSX.Element }): JSX.Element {
  return (
    <>
      <Show when={props.loaded.error()}><FileFailure path={props.path} error={props.loaded.error()} retry={props.loaded.reload} /></Show>
      <Show when={props.loaded.loading() && props.loaded.data() === undefined}><p class="quiet pad">{t("state.loading")}</p></Show>
      <Show when={props.loaded.data() !== undefined && !props.loaded.error()}>{props.children(() => props.loaded.data() as T)}</Show>
    </>
  );
}

/** Says of an element that could not show a file why: it is gone, or it is not what its name says. */
export function Unshown(props: ViewProps & { retry: () => void }): JSX.Element {
  const found = loadFile(props, (address, signal) => readPart(address, 0, 1, signal));
  return (
    <Show when={found.error()} fallback={<p class="quiet pad">{found.loading() ? t("state.loading") : t("preview.not_shown")}</p>}>
      <FileFailure path={props.path} error={found.error()} retry={props.retry} />
    </Show>
  );
}

/** A choice between two that is remembered in the browser. */
export function createSwitch(name: string, otherwise: boolean): [Accessor<boolean>, (on: boolean) => void] {
  const known = recall(name);
  const [on, setOn] = createSignal(known === null ? otherwise : known === "1");
  return [on, (next) => { remember(name, next ? "1" : "0"); setOn(next); }];
}

/** A button that is on or off. */
export function Toggle(props: { on: boolean; label: string; onChange: (on: boolean) => void }): JSX.Element {
  return <button type="button" class="small" aria-pressed={props.on} onClick={() => props.onChange(!props.on)}>{props.label}</button>;
}
