/** What a chart shows: its kind and its columns. Every choice is drawn at once. */

import { createMemo, For, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { columnOf } from "../core/columns";
import { asKind, KINDS, type Kind, type Made } from "../core/made";

interface Props {
  made: Made;
  columns: readonly string[];
  onChange: (made: Made) => void;
  onClose: () => void;
}

const AXES: Record<Kind, readonly ("x" | "y" | "z")[]> = {
  bar: ["y"], scatter: ["x", "y", "z"], parallel: [], box: ["y"], histogram: ["y"], contour: ["x", "y", "z"], importance: ["y"],
};

export function ChartEditor(props: Props): JSX.Element {
  const many = (): boolean => props.made.kind === "parallel" || props.made.kind === "importance";
  const offered = createMemo(() => (props.made.kind === "importance" ? props.columns.filter((id) => id.startsWith("p:")) : props.columns));
  const toggle = (id: string, on: boolean): void =>
    props.onChange({ ...props.made, columns: on ? [...props.made.columns, id] : props.made.columns.filter((each) => each !== id) });
  return (
    <div class="chart-editor" on:keydown={(event) => { if (event.key === "Escape") { event.stopPropagation(); props.onClose(); } }}>
      <Choice label={t("made.kind")} value={props.made.kind} onChange={(kind) => props.onChange(asKind(props.made, kind as Kind, props.columns))} options={KINDS.map((kind) => ({ id: kind, name: t(`made.kind_${kind}`) }))} />
      <For each={AXES[props.made.kind]}>
        {(axis) => (
          <Choice label={axisLabel(props.made.kind, axis)} value={props.made[axis]} onChange={(id) => props.onChange({ ...props.made, [axis]: id })}
            options={[...(props.made[axis] === "" || (axis === "z" && props.made.kind === "scatter") ? [{ id: "", name: "–" }] : []), ...props.columns.map(optionOf)]} />
        )}
      </For>
      <Show when={many()}>
        <fieldset class="chart-columns">
          <legend>{t(props.made.kind === "parallel" ? "made.axes" : "run.params")}</legend>
          <For each={offered()}>
            {(id) => (
              <label class="field"><input type="checkbox" checked={props.made.columns.includes(id)} onChange={(event) => toggle(id, event.currentTarget.checked)} /><span>{optionOf(id).name}</span></label>
            )}
          </For>
        </fieldset>
      </Show>
      <button type="button" class="primary" onClick={() => props.onClose()}>{t("made.done")}</button>
    </div>
  );
}

function axisLabel(kind: Kind, axis: "x" | "y" | "z"): string {
  if (axis === "z") return t(kind === "contour" ? "made.height" : "made.color");
  return kind === "scatter" || kind === "contour" ? t(`made.${axis}`) : t("made.value");
}

function optionOf(id: string): { id: string; name: string } {
  const column = columnOf(id);
  return { id, name: !column ? id : column.kind === "attribute" ? t(`column.${id}`) : column.name };
}

function Choice(props: { label: string; value: string; options: readonly { id: string; name: string }[]; onChange: (id: string) => void }): JSX.Element {
  return (
    <label class="field">
      <span class="quiet">{props.label}</span>
      <select value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        <For each={props.options}>{(option) => <option value={option.id} selected={option.id === props.value}>{option.name}</option>}</For>
      </select>
    </label>
  );
}
