/** Where the reader is: the address as a signal, and links that change it without a page load. */

import { createSignal, splitProps, type JSX } from "solid-js";
import { appPath, basePath, browserPath, fromOldHash } from "../core/base";

const base = basePath(document.baseURI);

export interface Place {
  path: string;
  search: string;
}

const here = (): Place => ({ path: appPath(base, location.pathname), search: location.search });

const old = fromOldHash(location.hash);
if (old) history.replaceState(null, "", browserPath(base, old));

const [place, setPlace] = createSignal<Place>(here(), { equals: (a, b) => a.path === b.path && a.search === b.search });
window.addEventListener("popstate", () => setPlace(here()));

export { place };

/** Goes to an app address (`/e/0?q=…`); `replace` leaves no step to go back to. */
export function go(address: string, replace = false): void {
  const target = browserPath(base, address);
  if (replace) history.replaceState(history.state, "", target);
  else if (target !== location.pathname + location.search) history.pushState(null, "", target);
  const [before, after] = [place().path, here().path];
  setPlace(here());
  if (before !== after && !replace) window.scrollTo(0, 0);
}

/** The browser address of an app address, for `href`. */
export const hrefOf = (address: string): string => browserPath(base, address);

/** What a click on a link inside the app does: modified ones open tabs as everywhere. */
export function follow(event: MouseEvent, to: string): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(to);
}

type LinkProps = JSX.AnchorHTMLAttributes<HTMLAnchorElement> & { to: string };

/** A link inside the app. */
export function Link(props: LinkProps): JSX.Element {
  const [own, rest] = splitProps(props, ["to"]);
  return <a {...rest} href={hrefOf(own.to)} onClick={(event) => follow(event, own.to)} />;
}
