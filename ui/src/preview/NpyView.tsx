/** An array of NumPy: what it is, and its first numbers. */

import { Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { readNpy, statisticsOf, type ArrayFacts } from "../core/binary_files";
import { readPart } from "../core/files";
import { formatNumber } from "../core/format";
import { HexView } from "./HexView";
import { Loading, loadFile, type ViewProps } from "./view";

const HEAD = 4 * 2 ** 20;
const SHOWN = 200;

export function NpyView(props: ViewProps): JSX.Element {
  const loaded = loadFile(props, async (address, signal) => readNpy((await readPart(address, 0, HEAD, signal)).bytes));
  return (
    <Loading path={props.path} loaded={loaded}>
      {(facts) => <Show when={facts()} fallback={<HexView source={props.source} path={props.path} />}>{(found) => <Facts facts={found()} />}</Show>}
    </Loading>
  );
}

function Facts(props: { facts: ArrayFacts }): JSX.Element {
  const values = (): readonly (number | bigint)[] => props.facts.values ?? [];
  const numbers = statisticsOf(values());
  const text = (value: number | bigint | null): string => (typeof value === "number" ? formatNumber(value) : String(value ?? ""));
  return (
    <>
      <dl class="facts pad">
        <div><dt>{t("preview.dtype")}</dt><dd class="mono">{props.facts.dtype}</dd></div>
        <div><dt>{t("preview.shape")}</dt><dd class="mono">({props.facts.shape.join(", ")})</dd></div>
        <div><dt>{t("preview.order")}</dt><dd>{props.facts.fortran ? "Fortran" : "C"}</dd></div>
        <Show when={values().length}>
          <div><dt>{t("part.min")}</dt><dd class="mono">{text(numbers.min)}</dd></div>
          <div><dt>{t("part.max")}</dt><dd class="mono">{text(numbers.max)}</dd></div>
          <div><dt>{t("part.mean")}</dt><dd class="mono">{text(numbers.mean)}</dd></div>
          <Show when={numbers.nan}><div><dt>NaN</dt><dd class="mono">{numbers.nan}</dd></div></Show>
        </Show>
      </dl>
      <Show when={props.facts.read < props.facts.count && values().length}><p class="note">{t("preview.first_values", { n: props.facts.read, all: props.facts.count })}</p></Show>
      <Show when={values().length}>
        <pre class="code wrap" tabindex="0">{values().slice(0, SHOWN).map(String).join("  ")}{props.facts.count > SHOWN ? "  …" : ""}</pre>
      </Show>
    </>
  );
}
