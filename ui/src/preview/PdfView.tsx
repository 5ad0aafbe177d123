/** A PDF in the browser's own viewer, where it has one. */

import { createEffect, createSignal, on, onCleanup, Show, type JSX } from "solid-js";
import { t } from "../app/prefs";
import { readWhole } from "../core/files";
import { Loading, loadFile, type ViewProps } from "./view";

const MOST = 64 * 2 ** 20;

export function PdfView(props: ViewProps): JSX.Element {
  const loaded = loadFile(props, async (address, signal) => ({ bytes: navigator.pdfViewerEnabled ? await readWhole(address, MOST, signal) : null }));
  const [place, setPlace] = createSignal("");
  createEffect(on(loaded.data, (found) => {
    if (!found?.bytes) return;
    // The type is ours to say: whatever is in the file, the browser takes it for nothing else.
    const made = URL.createObjectURL(new Blob([found.bytes as Uint8Array<ArrayBuffer>], { type: "application/pdf" }));
    setPlace(made);
    onCleanup(() => URL.revokeObjectURL(made));
  }));
  return (
    <Loading path={props.path} loaded={loaded}>
      {(found) => (
        <Show when={found().bytes && place()} fallback={<p class="quiet pad">{t(navigator.pdfViewerEnabled ? "preview.pdf_large" : "preview.pdf_none")}</p>}>
          <iframe class="file-frame" src={place()} title={props.path} />
        </Show>
      )}
    </Loading>
  );
}
