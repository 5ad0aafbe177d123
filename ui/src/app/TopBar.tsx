/** The bar above every page: where the reader is, the palette, whether changes come by themselves, language, theme. */

import { For, Show, type JSX } from "solid-js";
import { about } from "./about";
import { setOpened } from "./commands";
import { crumbs } from "./crumbs";
import { isLive } from "./live";
import { go, Link } from "./nav";
import { copy } from "./notices";
import { language, setLanguage, setTheme, t, themeChoice, type Language, type ThemeChoice } from "./prefs";
import { online } from "./reach";

export function TopBar(): JSX.Element {
  return (
    <header class="top">
      <a class="brand" href="./" onClick={(event) => { event.preventDefault(); go("/"); }} aria-label="Millstream">
        <Mark />
        <span class="brand-name">Millstream</span>
      </a>
      <nav class="crumbs" aria-label={t("shell.trail")}>
        <ol>
          <For each={crumbs()}>
            {(crumb, at) => (
              <li aria-current={at() === crumbs().length - 1 ? "page" : undefined}>
                <Show when={crumb.to} fallback={<span><bdi>{crumb.label}</bdi></span>}>{(to) => <Link to={to()}><bdi>{crumb.label}</bdi></Link>}</Show>
              </li>
            )}
          </For>
        </ol>
      </nav>
      <button type="button" class="summon" aria-haspopup="dialog" aria-keyshortcuts="Control+K" title={t("palette.title")} onClick={() => setOpened("palette")}>
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
          <path d="M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.3 10.3 14 14" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" />
        </svg>
        <span class="summon-text">{t("palette.short")}</span>
        <kbd aria-hidden="true">Ctrl K</kbd>
      </button>
      <Show when={about()?.store.location}>
        {(place) => (
          <button type="button" class="store mono" title={t("shell.store", { place: place() })} onClick={() => void copy(place())}>
            <bdi>{place()}</bdi>
          </button>
        )}
      </Show>
      <LiveDot />
      <select class="plain" aria-label={t("shell.language")} value={language()}
        onChange={(event) => setLanguage(event.currentTarget.value as Language)}>
        <option value="en">English</option>
        <option value="ko">한국어</option>
      </select>
      <select class="plain" aria-label={t("shell.theme")} value={themeChoice()}
        onChange={(event) => setTheme(event.currentTarget.value as ThemeChoice)}>
        <option value="auto">{t("theme.auto")}</option>
        <option value="light">{t("theme.light")}</option>
        <option value="dark">{t("theme.dark")}</option>
      </select>
    </header>
  );
}

/** Whether what is shown is as new as can be: by colour, shape and word. */
function LiveDot(): JSX.Element {
  const state = (): "off" | "live" | "asking" | "still" => (!online() ? "off" : isLive() === null ? "still" : isLive() ? "live" : "asking");
  return <span class={`live ${state()}`} role="img" title={t(`live.${state()}`)} aria-label={t(`live.${state()}`)} />;
}

function Mark(): JSX.Element {
  return (
    <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#2f6fde" />
      <g fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round">
        <path d="M6 11c3.3-3.4 6.7-3.4 10 0s6.7 3.4 10 0" />
        <path d="M6 17c3.3-3.4 6.7-3.4 10 0s6.7 3.4 10 0" opacity=".8" />
        <path d="M6 23c3.3-3.4 6.7-3.4 10 0s6.7 3.4 10 0" opacity=".55" />
      </g>
    </svg>
  );
}
