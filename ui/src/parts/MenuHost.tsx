/** The one menu of the page; see `menu.ts`. */

import { lazy, Show, type JSX } from "solid-js";
import { menu } from "./menu";

const Menu = lazy(() => import("./Menu").then((module) => ({ default: module.Menu })));

export function MenuHost(): JSX.Element {
  return <Show when={menu()} keyed>{(open) => <Menu open={open} />}</Show>;
}
