/** What a run is called and how it stands; its name is changed in place. */

import { createSignal, For, Show, type JSX } from "solid-js";
import { later, Overlay } from "../../app/later";
import { clock, type Loaded } from "../../app/load";
import { Link } from "../../app/nav";
import { copy, CopyButton, tell } from "../../app/notices";
import { durationWords, language, t } from "../../app/prefs";
import { Status } from "../../app/status";
import { deleteRun, renameRun, restoreRun } from "../../core/api";
import { durationOf } from "../../core/columns";
import { comparePath } from "../../core/compare_state";
import { exactMoment, formatDuration } from "../../core/format";
import type { Above } from "../../core/related";
import { runPath } from "../../core/router";
import { toInteger, type Run } from "../../core/wire";
import { openMenu } from "../../parts/menu";
import { editRun, withName, withStage } from "./edits";

const RegisterDialog = later(() => import("../models/RegisterDialog").then((module) => module.RegisterDialog));

export function RunHeader(props: { run: Run; loaded: Loaded<Run>; above: Above }): JSX.Element {
  const info = (): Run["info"] => props.run.info;
  const now = clock(() => info().status === "RUNNING");
  const start = (): number | null => toInteger(info().start_time);
  const end = (): number | null => toInteger(info().end_time) || null;
  const deleted = (): boolean => info().lifecycle_stage === "deleted";
  const [registering, setRegistering] = createSignal(false);
  const [renaming, setRenaming] = createSignal(false);
  const restore = async (): Promise<void> => {
    const { run_id: id } = info();
    if (await editRun(props.loaded, withStage("active"), () => restoreRun(id))) tell(t("run.restored"));
  };
  const remove = async (): Promise<void> => {
    const { run_id: id } = info();
    if (await editRun(props.loaded, withStage("deleted"), () => deleteRun(id))) tell(t("run.was_deleted"), { label: t("action.undo"), run: () => void restore() });
  };
  const menu = (anchor: HTMLElement): void => openMenu(anchor, [
    { label: t("run.rename"), run: () => setRenaming(true) },
    { label: t("run.copy_id"), run: () => void copy(info().run_id) },
    { label: t("run.copy_link"), run: () => void copy(location.href) },
    null,
    deleted() ? { label: t("action.restore"), run: () => void restore() } : { label: t("action.delete"), danger: true, run: () => void remove() },
  ]);
  return (
    <header class="run-head">
      <Trail above={props.above} />
      <div class="run-title">
        <Show when={renaming()} fallback={<h1>{info().run_name || info().run_id}</h1>}>
          <Rename run={props.run} loaded={props.loaded} onEnd={() => setRenaming(false)} />
        </Show>
        <Show when={!renaming()}>
          <button type="button" class="icon-button" title={t("run.rename")} aria-label={t("run.rename")} onClick={() => setRenaming(true)}><Pencil /></button>
        </Show>
        <button type="button" class="icon-button" aria-haspopup="menu" aria-label={t("run.menu")} onClick={(event) => menu(event.currentTarget)}>⋯</button>
        <span class="run-links">
          <Link to={comparePath([info().run_id], [info().experiment_id])}>{t("compare.with_others")}</Link>
          <button type="button" class="link" onClick={() => setRegistering(true)}>{t("run.register")}</button>
        </span>
      </div>
      <dl class="facts">
        <div><dt class="hidden">{t("column.status")}</dt><dd><Status status={info().status} /></dd></div>
        <div><dt>{t("column.start_time")}</dt><dd>{exactMoment(start(), language())}</dd></div>
        <div><dt>{t("column.duration")}</dt><dd class="steady">{formatDuration(durationOf(info().status, start(), end(), now()), durationWords())}</dd></div>
        <Show when={info().user_id}><div><dt>{t("column.user_id")}</dt><dd>{info().user_id}</dd></div></Show>
        <div>
          <dt>{t("column.run_id")}</dt>
          <dd class="mono">{info().run_id} <CopyButton text={info().run_id} label={t("run.copy_id")} /></dd>
        </div>
      </dl>
      <Show when={registering()}><Overlay onFail={() => setRegistering(false)}><RegisterDialog run={props.run} onClose={() => setRegistering(false)} /></Overlay></Show>
      <Show when={deleted()}>
        <p class="failure">{t("run.deleted")} <button type="button" onClick={() => void restore()}>{t("action.restore")}</button></p>
      </Show>
    </header>
  );
}

function Trail(props: { above: Above }): JSX.Element {
  return (
    <Show when={props.above.length}>
      <nav class="above" aria-label={t("run.parent")}>
        <span class="quiet">{t("run.parent")}</span>
        <For each={props.above}>{(each, i) => <>{i() ? <span class="quiet">›</span> : null}<Link to={runPath(each.id)}>{each.name}</Link></>}</For>
      </nav>
    </Show>
  );
}

function Rename(props: { run: Run; loaded: Loaded<Run>; onEnd: () => void }): JSX.Element {
  const old = props.run.info.run_name ?? "";
  const [name, setName] = createSignal(old);
  const save = (event: Event): void => {
    event.preventDefault();
    const next = name().trim();
    props.onEnd();
    if (next && next !== old) void editRun(props.loaded, withName(next), () => renameRun(props.run.info.run_id, next));
  };
  return (
    <form class="rename" onSubmit={save}>
      <input type="text" aria-label={t("run.name")} value={name()} onInput={(event) => setName(event.currentTarget.value)}
        ref={(field) => queueMicrotask(() => { field.focus(); field.select(); })}
        onKeyDown={(event) => { if (event.key === "Escape") { event.stopPropagation(); props.onEnd(); } }} />
      <button type="submit" class="primary" disabled={!name().trim()}>{t("run.save")}</button>
      <button type="button" onClick={() => props.onEnd()}>{t("bulk.cancel")}</button>
    </form>
  );
}

export function Pencil(): JSX.Element {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      <path d="M2.5 13.5l.7-3.2 7.6-7.6 2.5 2.5-7.6 7.6zM9.3 4.2l2.5 2.5" fill="none" stroke="currentColor" stroke-width="1.3" stroke-linejoin="round" />
    </svg>
  );
}
