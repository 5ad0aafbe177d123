/** What the page tells: failures with a way to try again, passing messages, copied texts. */

import { createSignal, Show, type JSX } from "solid-js";
import { ApiError } from "../core/api";
import { t } from "./prefs";

/** One sentence that says what came back. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) return error.status === 0 ? t("error.unreachable") : error.message || t("error.no_message");
  return error instanceof Error ? error.message : String(error);
}

/** All that whoever is asked for help needs to know. */
function detailsOf(what: string, error: unknown): string {
  const lines = [what, errorText(error)];
  if (error instanceof ApiError) lines.push(`${error.call} → ${error.status} ${error.code}`.trim(), ...(error.request ? [`X-Request-ID: ${error.request}`] : []));
  return [...lines, location.href, new Date().toISOString(), navigator.userAgent].join("\n");
}

/** What failed, the answer, the call, and a button that tries again. */
export function Failure(props: { what: string; error: unknown; retry?: () => void }): JSX.Element {
  const call = (): ApiError | null => (props.error instanceof ApiError ? props.error : null);
  return (
    <div class="failure" role="alert">
      <strong>{props.what}</strong>
      <p>{errorText(props.error)}</p>
      <Show when={call()}>
        {(found) => (
          <p class="quiet mono">
            {found().call}
            {found().status ? ` → ${found().status}` : ""} {found().code} {found().request}
          </p>
        )}
      </Show>
      <p class="failure-actions">
        <Show when={props.retry}><button type="button" onClick={() => props.retry?.()}>{t("action.retry")}</button></Show>
        <button type="button" onClick={() => void copy(detailsOf(props.what, props.error))}>{t("action.copy_details")}</button>
      </p>
    </div>
  );
}

interface Toast {
  text: string;
  action?: { label: string; run: () => void };
}

const [toast, setToast] = createSignal<Toast | null>(null);
let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows a message for some seconds, with at most one thing to do about it. */
export function tell(text: string, action?: Toast["action"]): void {
  clearTimeout(timer);
  setToast({ text, action });
  timer = setTimeout(() => setToast(null), action ? 10_000 : 4000);
}

export function ToastBar(): JSX.Element {
  return (
    <div class="toast-place" role="status" aria-live="polite">
      <Show when={toast()}>
        {(shown) => (
          <div class="toast">
            <span>{shown().text}</span>
            <Show when={shown().action}>
              {(action) => (
                <button type="button" onClick={() => { setToast(null); action().run(); }}>{action().label}</button>
              )}
            </Show>
          </div>
        )}
      </Show>
    </div>
  );
}

/** Copies a text and says so; where the clipboard is closed (plain HTTP), an old way is tried. */
export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) return tell(t("copy.failed"));
  }
  tell(t("copy.done"));
}

export function CopyButton(props: { text: string; label: string }): JSX.Element {
  return (
    <button type="button" class="icon-button" title={props.label} aria-label={props.label} onClick={() => void copy(props.text)}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        <path d="M5 5V2.5h8.5V11H11M2.5 5H11v8.5H2.5z" fill="none" stroke="currentColor" stroke-width="1.3" stroke-linejoin="round" />
      </svg>
    </button>
  );
}
