/** Who is logged in, the way out, and tokens for programs. */

import { createSignal, For, Show, type JSX } from "solid-js";
import { load } from "../../app/load";
import { CopyButton, errorText, Failure, tell } from "../../app/notices";
import { language, t } from "../../app/prefs";
import { createToken, getTokens, getUser, revokeToken, SCOPES } from "../../core/accounts";
import { logOut } from "../../core/api";
import { exactMoment, formatMoment } from "../../core/format";
import "../../parts/parts.css";

const LIVES = [7, 30, 90, 365];

export function Account(): JSX.Element {
  const user = load(() => true, (_, signal) => getUser(signal));
  const leave = (): void => void logOut().catch((error: unknown) => tell(errorText(error)));
  return (
    <section class="card settings-card" aria-label={t("account.title")}>
      <h2>{t("account.title")}</h2>
      <Show when={user.error()}><Failure what={t("account.failed")} error={user.error()} retry={user.reload} /></Show>
      <Show when={!user.loading() && !user.error()}>
        <p class="account-line">
          <Show when={user.data()} fallback={<span>{t("account.link")}</span>}>
            {(found) => <span>{t(found().is_admin ? "account.admin" : "account.user", { name: found().username })}</span>}
          </Show>
          <button type="button" onClick={leave}>{t("account.leave")}</button>
        </p>
      </Show>
      <Show when={user.data()}><Tokens /></Show>
    </section>
  );
}

function Tokens(): JSX.Element {
  const tokens = load(() => true, (_, signal) => getTokens(signal), { keep: true });
  const [made, setMade] = createSignal<string | null>(null);
  const revoke = async (id: string): Promise<void> => {
    try {
      await revokeToken(id);
      tell(t("account.revoked"));
    } catch (error) {
      tell(errorText(error));
    }
    tokens.reload();
  };
  return (
    <>
      <h3>{t("account.tokens")}</h3>
      <p class="quiet">{t("account.tokens_help")}</p>
      <Show when={tokens.error()}><Failure what={t("account.tokens_failed")} error={tokens.error()} retry={tokens.reload} /></Show>
      <Show when={tokens.data()?.length}>
        <div class="scroll-box" tabindex="0" role="region" aria-label={t("account.tokens")}>
          <table class="pairs">
            <thead><tr><th scope="col">{t("column.name")}</th><th scope="col">{t("account.scope")}</th><th scope="col">{t("account.expires")}</th><th scope="col"><span class="hidden">{t("account.revoke")}</span></th></tr></thead>
            <tbody>
              <For each={tokens.data()}>
                {(token) => (
                  <tr>
                    <th scope="row"><bdi>{token.name}</bdi></th>
                    <td>{token.scope}</td>
                    <td title={exactMoment(token.expires, language())}>{formatMoment(token.expires, language(), Date.now())}</td>
                    <td class="number"><button type="button" class="danger" onClick={() => void revoke(token.token_id)} aria-label={t("account.revoke_it", { name: token.name })}>{t("account.revoke")}</button></td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </div>
      </Show>
      <Show when={made()}>
        {(secret) => (
          <div class="token-made" role="status">
            <p>{t("account.made")}</p>
            <div class="snippet"><pre><code>{secret()}</code></pre><CopyButton text={secret()} label={t("action.copy")} /></div>
          </div>
        )}
      </Show>
      <NewToken onMade={(secret) => { setMade(secret); tokens.reload(); }} />
    </>
  );
}

function NewToken(props: { onMade: (secret: string) => void }): JSX.Element {
  const [name, setName] = createSignal("");
  const [scope, setScope] = createSignal<string>("edit");
  const [days, setDays] = createSignal(90);
  const [error, setError] = createSignal<unknown>();
  const make = async (event: Event): Promise<void> => {
    event.preventDefault();
    setError(undefined);
    try {
      props.onMade(await createToken(name().trim(), scope(), days()));
      setName("");
    } catch (cause) {
      setError(() => cause);
    }
  };
  return (
    <form class="tag-form" onSubmit={(event) => void make(event)}>
      <input type="text" required placeholder={t("account.token_name")} aria-label={t("account.token_name")} value={name()} onInput={(event) => setName(event.currentTarget.value)} />
      <select aria-label={t("account.scope")} value={scope()} onChange={(event) => setScope(event.currentTarget.value)}>
        <For each={SCOPES}>{(each) => <option value={each}>{t(`account.scope_${each}`)}</option>}</For>
      </select>
      <select aria-label={t("account.life")} value={days()} onChange={(event) => setDays(Number(event.currentTarget.value))}>
        <For each={LIVES}>{(each) => <option value={each}>{t("account.days", { n: each })}</option>}</For>
      </select>
      <button type="submit" disabled={!name().trim()}>{t("account.make")}</button>
      <Show when={error()}><p class="field-error" role="alert">{errorText(error())}</p></Show>
    </form>
  );
}
