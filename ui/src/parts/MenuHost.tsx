/** The one menu of the page; see `menu.ts`. */

import { Show, type JSX } from "solid-js";
import { later, Overlay } from "../app/later";
import { closeMenu, menu } from "./menu";

const Menu = later(() => import("./Menu").then((module) => module.Menu));

export function MenuHost(): JSX.Element {
  return <Show when={menu()} keyed>{(open) => <Overlay onFail={closeMenu}><Menu open={open} /></Overlay>}</Show>;
}
