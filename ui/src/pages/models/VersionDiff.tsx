/** What differs between two versions: facts, params and metrics of their runs, packages, and the MLmodel file. */

import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { load } from "../../app/load";
import { Link } from "../../app/nav";
import { Failure } from "../../app/notices";
import { language, t } from "../../app/prefs";
import { getRun } from "../../core/api";
import { readPart } from "../../core/files";
import { comparePath } from "../../core/compare_state";
import { deltaOf, same, type Value } from "../../core/comparison";
import { exactMoment, exactNumber, formatNumber } from "../../core/format";
import { byName } from "../../core/order";
import { decodeText } from "../../core/preview";
import { getVersion, listVersionFiles, versionFile, type ModelVersion } from "../../core/registry";
import { parseRequirements, pythonOf } from "../../core/requirements";
import { versionPath } from "../../core/router";
import { toInteger, toNumber, type Run } from "../../core/wire";
import { LineDiff } from "../../parts/LineDiff";

interface Side {
  version: ModelVersion;
  /** Null where it has none, or it may not be read. */
  run: Run | null;
  packages: ReadonlyMap<string, string>;
  mlmodel: string;
}

const MOST = 2 ** 20;

async function sideOf(name: string, number: string, signal: AbortSignal): Promise<Side> {
  const version = await getVersion(name, number, signal);
  const lost = (): null => { signal.throwIfAborted(); return null; };
  const files = new Set(((await listVersionFiles(name, number, "", signal).catch(lost)) ?? []).map((file) => file.path));
  const text = async (path: string): Promise<string> =>
    (files.has(path) ? ((await readPart(versionFile(name, number, path), 0, MOST, signal).then((found) => decodeText(found.bytes), lost)) ?? "") : "");
  const [run, requirements, python, mlmodel] = await Promise.all([
    version.run_id ? getRun(version.run_id, signal).catch(lost) : null, text("requirements.txt"), text("python_env.yaml"), text("MLmodel"),
  ]);
  const found = pythonOf(python);
  return { version, run, mlmodel, packages: new Map([...(found ? [["python", found] as const] : []), ...parseRequirements(requirements)]) };
}

interface Pair {
  key: string;
  values: [Value, Value];
}

const differs = ({ values: [a, b] }: Pair): boolean => !same(a, b);

function pairsOf(a: ReadonlyMap<string, Value>, b: ReadonlyMap<string, Value>): Pair[] {
  return [...new Set([...a.keys(), ...b.keys()])].sort(byName).map((key) => ({ key, values: [a.get(key) ?? null, b.get(key) ?? null] }));
}

export function VersionDiff(props: { name: string; before: string; after: string }): JSX.Element {
  const sides = load(() => [props.name, props.before, props.after] as const, ([name, a, b], signal) => Promise.all([sideOf(name, a, signal), sideOf(name, b, signal)]));
  const [all, setAll] = createSignal(false);
  const facts = (side: Side): Map<string, Value> => {
    const { version } = side;
    return new Map<string, Value>([
      [t("models.stage"), version.current_stage ?? "None"], [t("models.aliases"), [...(version.aliases ?? [])].sort(byName).join(", ") || null],
      [t("models.created"), exactMoment(toInteger(version.creation_timestamp), language())], [t("models.owner"), version.user_id ?? null],
      [t("models.description"), version.description || null], [t("models.source"), version.source ?? null],
      ...(version.tags ?? []).map((tag) => [tag.key, tag.value] as const),
    ]);
  };
  const sections = createMemo(() => {
    const found = sides.data();
    if (!found) return [];
    const [a, b] = found;
    const params = (side: Side): Map<string, Value> => new Map((side.run?.data.params ?? []).map((each) => [each.key, each.value]));
    const metrics = (side: Side): Map<string, Value> => new Map((side.run?.data.metrics ?? []).map((each) => [each.key, toNumber(each.value)]));
    return [
      { title: t("models.version"), pairs: pairsOf(facts(a), facts(b)) },
      { title: t("run.params"), pairs: pairsOf(params(a), params(b)) },
      { title: t("run.metrics"), pairs: pairsOf(metrics(a), metrics(b)) },
      { title: t("models.packages"), pairs: pairsOf(a.packages, b.packages) },
    ].filter((section) => section.pairs.length > 0);
  });
  const runs = createMemo(() => (sides.data() ?? []).flatMap((side) => (side.run ? [side.run.info] : [])));
  return (
    <>
      <Show when={sides.error()}><Failure what={t("models.versions_failed")} error={sides.error()} retry={sides.reload} /></Show>
      <Show when={sides.loading() && !sides.data()}><p class="quiet">{t("state.loading")}</p></Show>
      <Show when={sides.data()}>
        {(found) => (
          <>
            <div class="models-head">
              <h2>{t("models.diff_title", { a: props.before, b: props.after })}</h2>
              <span class="buttons-apart">
                <label class="field"><input type="checkbox" checked={!all()} onChange={(event) => setAll(!event.currentTarget.checked)} /> {t("models.only_different")}</label>
                <Show when={runs().length === 2 && runs()[0]?.run_id !== runs()[1]?.run_id}>
                  <Link class="button" to={comparePath(runs().map((run) => run.run_id), [...new Set(runs().map((run) => run.experiment_id))])}>{t("models.compare_runs")}</Link>
                </Show>
              </span>
            </div>
            <For each={sections()}>
              {(section) => {
                const shown = (): Pair[] => section.pairs.filter((pair) => all() || differs(pair));
                return (
                  <section class="card version-diff" aria-label={section.title}>
                    <div class="card-head"><h2>{section.title} <span class="quiet">{section.pairs.filter(differs).length} / {section.pairs.length}</span></h2></div>
                    <Show when={shown().length} fallback={<p class="quiet">{t("models.no_difference")}</p>}>
                      <table class="pairs">
                        <thead><tr><th scope="col"><span class="hidden">{t("column.name")}</span></th>
                          <For each={[props.before, props.after]}>{(number) => <th scope="col"><Link to={versionPath(props.name, number)}>{t("models.version_n", { n: number })}</Link></th>}</For></tr></thead>
                        <tbody>
                          <For each={shown()}>
                            {(pair) => (
                              <tr classList={{ differs: differs(pair) }}>
                                <th scope="row">{pair.key}</th>
                                <td class="value">{shownValue(pair.values[0])}</td>
                                <td class="value">{shownValue(pair.values[1])}<Show when={deltaOf(pair.values[1], pair.values[0])}>{(delta) => <span class="delta" title={exactNumber(delta())}> {delta() > 0 ? "+" : ""}{formatNumber(delta())}</span>}</Show></td>
                              </tr>
                            )}
                          </For>
                        </tbody>
                      </table>
                    </Show>
                  </section>
                );
              }}
            </For>
            <Show when={found()[0].mlmodel || found()[1].mlmodel}>
              <section class="card" aria-label="MLmodel">
                <div class="card-head"><h2>MLmodel</h2></div>
                <div class="card-inside"><LineDiff before={found()[0].mlmodel} after={found()[1].mlmodel} /></div>
              </section>
            </Show>
          </>
        )}
      </Show>
    </>
  );
}

const shownValue = (value: Value): string => (value === null ? "–" : typeof value === "number" ? exactNumber(value) : value);
