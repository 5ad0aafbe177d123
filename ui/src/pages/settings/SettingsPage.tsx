/** Language, theme and time zone of this browser; who is logged in; what the server is. */

import { For, Show, Suspense, type JSX } from "solid-js";
import { about, aboutError, refreshAbout } from "../../app/about";
import { showCrumbs } from "../../app/crumbs";
import { CopyButton, Failure } from "../../app/notices";
import { later } from "../../app/later";
import { setOpened } from "../../app/commands";
import { chooseZone, language, setLanguage, setTheme, t, themeChoice, zone, type Language, type ThemeChoice } from "../../app/prefs";
import { exactMoment, type Zone } from "../../core/format";
import type { About } from "../../core/wire";
import "./settings.css";
import "../../app/shell_texts";

const Account = later(() => import("./Account").then((module) => module.Account));

export function SettingsPage(): JSX.Element {
  showCrumbs(() => [{ label: t("settings.title") }]);
  return (
    <section class="page settings">
      <h1>{t("settings.title")}</h1>
      <section class="card settings-card">
        <h2>{t("settings.reading")}</h2>
        <p class="quiet">{t("settings.here_only")}</p>
        <Choice<Language> label={t("shell.language")} value={language()} onChange={setLanguage} choices={[["en", "English"], ["ko", "한국어"]]} />
        <Choice<ThemeChoice> label={t("shell.theme")} value={themeChoice()} onChange={setTheme}
          choices={[["auto", t("settings.theme_auto")], ["light", t("theme.light")], ["dark", t("theme.dark")]]} />
        <Choice<Zone> label={t("settings.zone")} value={zone()} onChange={chooseZone}
          choices={[["local", t("settings.zone_local", { zone: Intl.DateTimeFormat().resolvedOptions().timeZone || "–" })], ["utc", "UTC"]]} />
        <p><button type="button" onClick={() => setOpened("help")}>{t("help.title")}</button></p>
      </section>
      <Show when={about()?.login}><Suspense><Account /></Suspense></Show>
      <Show when={aboutError() && !about()}><Failure what={t("error.about")} error={aboutError()} retry={() => void refreshAbout().catch(() => undefined)} /></Show>
      <Show when={about()}>{(facts) => <Server about={facts()} />}</Show>
    </section>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  choices: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}

function Choice<T extends string>(props: ChoiceProps<T>): JSX.Element {
  return (
    <fieldset class="choice">
      <legend>{props.label}</legend>
      <div class="chips">
        <For each={props.choices}>
          {([value, label]) => (
            <label class="choice-option" classList={{ on: props.value === value }}>
              <input type="radio" name={props.label} value={value} checked={props.value === value} onChange={() => props.onChange(value)} />
              <span>{label}</span>
            </label>
          )}
        </For>
      </div>
    </fieldset>
  );
}

function Server(props: { about: About }): JSX.Element {
  const store = (): About["store"] => props.about.store;
  return (
    <section class="card settings-card" aria-label={t("settings.server")}>
      <h2>{t("settings.server")}</h2>
      <dl class="settings-facts">
        <div><dt>{t("settings.version")}</dt><dd>Millstream {props.about.version}</dd></div>
        <div><dt>{t("settings.started")}</dt><dd>{(zone(), exactMoment(props.about.started, language()))}</dd></div>
        <div><dt>{t("settings.store")}</dt><dd>{store().kind}</dd></div>
        <Show when={store().location}>
          {(place) => <div><dt>{t("settings.place")}</dt><dd class="mono path">{place()} <CopyButton text={place()} label={t("action.copy")} /></dd></div>}
        </Show>
        <div><dt>{t("settings.holds")}</dt><dd>{t("experiments.serving", { n: store().experiments })} · {t("count.runs", { n: store().runs })}</dd></div>
        <div><dt>{t("settings.login")}</dt><dd>{t(props.about.login ? "settings.login_on" : "settings.login_off")}</dd></div>
      </dl>
      <Show when={store().problems.length}>
        <h3>{t("experiments.problems")}</h3>
        <ul><For each={store().problems}>{(problem) => <li>{problem}</li>}</For></ul>
      </Show>
      <p><a href="api-docs">{t("settings.api")}</a> · <a href="openapi.json">openapi.json</a></p>
    </section>
  );
}
