/** The ways to the other pages: at the left, on a phone at the bottom. */

import { For, type JSX } from "solid-js";
import { matchRoute, type Route } from "../core/router";
import { Link, place } from "./nav";
import { t } from "./prefs";

interface Way {
  to: string;
  label: string;
  icon: string;
  /** Pages that lie there. */
  pages: readonly string[];
}

const WAYS: readonly Way[] = [
  { to: "/", label: "experiments.title", icon: "M6.5 2.5h5M7.5 2.5v4L3.6 13a1.7 1.7 0 0 0 1.5 2.5h7.8a1.7 1.7 0 0 0 1.5-2.5L10.5 6.5v-4M5.3 10.5h7.4", pages: ["experiments", "runs", "run", "compare"] },
  { to: "/models", label: "rail.models", icon: "M9 2.2l6 3.3v7L9 15.8l-6-3.3v-7zM3 5.5l6 3.3 6-3.3M9 8.8v7", pages: ["models", "model", "version"] },
  { to: "/settings", label: "settings.title", icon: "M3 5.5h6.5M13 5.5h2M3 12.5h2M8.5 12.5H15M11.3 3.7a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6M6.8 10.7a1.8 1.8 0 1 1 0 3.6 1.8 1.8 0 0 1 0-3.6", pages: ["settings"] },
];

export function Rail(): JSX.Element {
  const route = (): Route => matchRoute(place().path);
  const ways = WAYS.filter((way) => matchRoute(way.to).page !== "missing");
  return (
    <nav class="rail" aria-label={t("rail.label")}>
      <For each={ways}>
        {(way) => (
          <Link to={way.to} class="way" classList={{ here: way.pages.includes(route().page) }} title={t(way.label)}
            aria-current={matchRoute(way.to).page === route().page ? "page" : way.pages.includes(route().page) ? "true" : undefined}>
            <svg viewBox="0 0 18 18" width="20" height="20" aria-hidden="true">
              <path d={way.icon} fill="none" stroke="currentColor" stroke-width="1.4" stroke-linejoin="round" stroke-linecap="round" />
            </svg>
            <span class="way-name">{t(way.label)}</span>
          </Link>
        )}
      </For>
    </nav>
  );
}
