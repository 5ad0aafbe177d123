/** A page that was logged, in a frame of its own: without scripts at first, and never with a way to ours. */

import { createEffect, createSignal, lazy, on, onCleanup, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { readWhole } from "../core/files";
import { Loading, loadFile, type ViewProps } from "./view";

const TextView = lazy(() => import("./TextView").then((module) => ({ default: module.TextView })));
const MOST = 32 * 2 ** 20;
// The frame inherits the rules of our page; these allow less: nothing is asked of anybody.
const RULES = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; font-src data:">`;

export function HtmlView(props: ViewProps): JSX.Element {
  const loaded = loadFile(props, async (address, signal) => {
    const bytes = await readWhole(address, MOST, signal);
    return bytes && { text: new TextDecoder().decode(bytes) };
  });
  const [scripts, setScripts] = createSignal(false);
  return (
    <Loading path={props.path} loaded={loaded}>
      {(page) => (
        <Show when={page()} fallback={<><p class="note">{t("preview.html_large")}</p><TextView source={props.source} path={props.path} /></>}>
          {(found) => (
            <>
              <div class="view-bar">
                <span class="quiet">{t(scripts() ? "preview.scripts_on" : "preview.scripts_off")}</span>
                <button type="button" class="small" onClick={() => setScripts(!scripts())}>{t(scripts() ? "preview.stop_scripts" : "preview.run_scripts")}</button>
              </div>
              <Show when={scripts()} fallback={<StillFrame html={found().text} name={props.path} />}>
                <LiveFrame html={found().text} name={props.path} />
              </Show>
            </>
          )}
        </Show>
      )}
    </Loading>
  );
}

/** The page as it stands: in a sandbox in which nothing runs, and that is of no origin. */
function StillFrame(props: { html: string; name: string }): JSX.Element {
  const [address, setAddress] = createSignal("");
  createEffect(on(() => props.html, (html) => {
    const made = URL.createObjectURL(new Blob([withRules(html)], { type: "text/html; charset=utf-8" }));
    setAddress(made);
    onCleanup(() => URL.revokeObjectURL(made));
  }));
  return <iframe class="file-frame" sandbox="" src={address()} title={props.name} referrerpolicy="no-referrer" />;
}

/** Behind the type of the document, or the browser would take the page for one of the nineties. */
function withRules(html: string): string {
  const type = /^\ufeff?\s*(?:<!--[^]*?-->\s*)*<!doctype[^>]*>/i.exec(html)?.[0] ?? "";
  return type + RULES + html.slice(type.length);
}

/** The page with its scripts, where the reader said so: an empty page of ours, in a sandbox of no origin, is given it. */
function LiveFrame(props: { html: string; name: string }): JSX.Element {
  let frame!: HTMLIFrameElement;
  let given = false;
  const give = (): void => {
    // Only the first page in the frame gets it; one that it goes to does not.
    if (!given) frame.contentWindow?.postMessage(props.html, "*");
    given = true;
  };
  return <iframe class="file-frame" ref={frame} sandbox="allow-scripts" src="sandbox.html" title={props.name} onLoad={give} referrerpolicy="no-referrer" />;
}
