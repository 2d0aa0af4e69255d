/** Signing in: a token is exchanged for a session of this page and forgotten. */

import { css, html, nothing } from "lit";
import type { TesError } from "../../client/index.ts";
import { dialog } from "../look/dialog.ts";
import { asTesError, tell } from "../model/verdict.ts";
import { define, Panel } from "./panel.ts";

export class SignIn extends Panel {
  static override properties = {
    ...Panel.properties,
    reason: { state: true },
    busy: { state: true },
    error: { state: true },
  };
  declare reason: string | undefined;
  declare busy: boolean;
  declare error: TesError | undefined;
  #then: (() => void) | undefined;

  static override styles = [
    ...Panel.styles,
    dialog,
    css`
      dialog {
        width: min(480px, calc(100vw - 32px));
      }
      input {
        font-family: var(--mono);
        font-size: var(--t13);
      }
    `,
  ];

  /** @param then done once somebody is signed in */
  open(reason?: string, then?: () => void): void {
    this.reason = reason;
    this.error = undefined;
    this.#then = then;
    this.#dialog?.showModal();
    this.renderRoot.querySelector<HTMLInputElement>("input")?.focus();
  }

  get #dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector("dialog");
  }

  override render() {
    return html`<dialog aria-labelledby="title" @close=${this.#closed}>
      <form @submit=${this.#submit}>
        <div>
          <h1 id="title">Sign in to ${this.registry.name}</h1>
          <p class="lede small">${this.reason ?? "Reading a public registry needs no sign-in. Changing it does."}</p>
        </div>
        <div>
          <label for="token">Token</label>
          <input id="token" type="password" autocomplete="off" spellcheck="false" required aria-describedby="about" ?disabled=${this.busy} />
          <p id="about" class="muted tiny">It is exchanged at once for a session of this page that lasts 15 minutes, and then forgotten. Make one: <code>tes token mint --registry ${this.registry.name} --scope 'bump:*' --scope watch --scope read --out me.token</code></p>
        </div>
        ${this.error === undefined ? nothing : html`<p class="note refused" role="alert">${tell(this.error)}</p>`}
        <div class="ends">
          <button type="button" @click=${() => this.#dialog?.close()}>Cancel</button>
          <button type="submit" class="primary" ?disabled=${this.busy}>${this.busy ? "Signing in…" : "Sign in"}</button>
        </div>
      </form>
    </dialog>`;
  }

  readonly #submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const field = this.renderRoot.querySelector<HTMLInputElement>("#token")!;
    this.busy = true;
    this.error = undefined;
    try {
      await this.access.signIn(field.value);
      field.value = "";
      const then = this.#then;
      this.#then = undefined;
      this.#dialog?.close();
      then?.();
    } catch (thrown) {
      this.error = asTesError(thrown);
    } finally {
      this.busy = false;
    }
  };

  readonly #closed = (): void => {
    const field = this.renderRoot.querySelector<HTMLInputElement>("#token");
    if (field !== null) field.value = "";
    this.#then = undefined;
  };
}
define("tes-sign-in", SignIn);
