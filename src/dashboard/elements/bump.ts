/** A bump: the plan first, then a reason, then the change; and what was typed outlives a session that ends on the way. */

import { css, html, nothing } from "lit";
import type { BumpResult, Change, TesError } from "../../client/index.ts";
import { dialog } from "../look/dialog.ts";
import { asTesError, findingOf, tell } from "../model/verdict.ts";
import { count, plural } from "../model/words.ts";
import "./badge.ts";
import { define, Panel } from "./panel.ts";

const SCOPES = ["patch", "minor", "major", "prerelease", "prepatch", "preminor", "premajor", "release"] as const;
type Scope = (typeof SCOPES)[number];
const WITH_PREID: ReadonlySet<Scope> = new Set<Scope>(["prerelease", "prepatch", "preminor", "premajor"]);
const PLAN_DELAY_MS = 150;
const MAX_SHOWN = 100;

export class Bump extends Panel {
  static override properties = {
    ...Panel.properties,
    entity: { state: true },
    scope: { state: true },
    preid: { state: true },
    plan: { state: true },
    error: { state: true },
    busy: { state: true },
    done: { state: true },
    shown: { state: true },
  };
  declare entity: string;
  declare scope: Scope;
  declare preid: string;
  declare plan: readonly Change[] | undefined;
  declare error: TesError | undefined;
  declare busy: boolean;
  declare done: BumpResult | undefined;
  declare shown: boolean;
  /** One for each change that a person confirms: however often it is sent, it happens once. */
  #key: string | undefined;
  #planning = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.entity = "";
    this.scope = "patch";
    this.preid = "";
  }

  static override styles = [
    ...Panel.styles,
    dialog,
    css`
      .fields {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: var(--s16);
      }
      .plan {
        max-height: 280px;
        overflow: auto;
        padding: var(--s12) var(--s16);
        border-radius: var(--r6);
        background: var(--bg);
      }
      .plan li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) fit-content(60%);
        gap: var(--s12);
        padding: 3px 0;
        font-size: var(--t13);
      }
      .plan code {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      .plan li:first-child {
        font-weight: 600;
      }
      .plan b {
        color: var(--accent-text);
        font-weight: 600;
      }
      h2 {
        margin-bottom: var(--s4);
      }
      .big {
        font: 500 var(--t24) / 1.2 var(--mono);
        overflow-wrap: anywhere;
      }
      @media (max-width: 700px) {
        .fields {
          grid-template-columns: 1fr;
        }
        .plan li {
          grid-template-columns: 1fr;
          gap: 0;
          padding: var(--s4) 0;
        }
      }
    `,
  ];

  open(entity: string, scope?: string): void {
    this.entity = entity;
    this.scope = SCOPES.find((known) => known === scope) ?? "patch";
    this.preid = "";
    this.plan = undefined;
    this.error = undefined;
    this.done = undefined;
    this.#key = undefined;
    this.shown = true;
    void this.updateComplete.then(() => this.#dialog?.showModal());
    this.#replan(0);
  }

  readonly #closed = (): void => {
    this.shown = false;
  };

  get #dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector("dialog");
  }

  override render() {
    return html`<dialog aria-labelledby="title" @close=${this.#closed}>
      ${this.shown !== true ? nothing : this.done === undefined ? this.#form() : this.#result(this.done)}
    </dialog>`;
  }

  #form() {
    return html`<form @submit=${this.#confirm}>
      <h1 id="title">Bump <span class="break">${this.entity}</span></h1>
      <div class="fields">
        <div>
          <label for="scope">Step</label>
          <select id="scope" autofocus .value=${this.scope} @change=${this.#rescoped}>
            ${SCOPES.map((scope) => html`<option value=${scope} ?selected=${scope === this.scope}>${scope}</option>`)}
          </select>
        </div>
        ${
          WITH_PREID.has(this.scope)
            ? html`<div>
                <label for="preid">Prerelease name, if any</label>
                <input id="preid" placeholder="rc" autocomplete="off" spellcheck="false" .value=${this.preid} @input=${this.#renamed} />
              </div>`
            : nothing
        }
      </div>
      <section aria-live="polite">
        <h2>What would happen</h2>
        ${this.#plan()}
      </section>
      <div>
        <label for="reason">Reason, if you want one kept. It stands beside the log and can be erased later.</label>
        <textarea id="reason" rows="2" maxlength="4000" @input=${this.#touched}></textarea>
      </div>
      ${this.#problem()}
      <div class="ends">
        <button type="button" @click=${() => this.#dialog?.close()}>Cancel</button>
        <button type="submit" class="primary" ?disabled=${this.busy || this.plan === undefined}>${
          this.busy ? "Writing…" : `Bump ${plural(this.plan?.length ?? 1, "entity", "entities")}`
        }</button>
      </div>
    </form>`;
  }

  #plan() {
    if (this.plan !== undefined) {
      return html`<ul class="plan" tabindex="0" aria-label="Plan">
        ${this.plan
          .slice(0, MAX_SHOWN)
          .map(
            ({ entity, from, to }) =>
              html`<li><span class="break">${entity}</span><code>${from} → <b>${to}</b></code></li>`,
          )}
        ${this.plan.length > MAX_SHOWN ? html`<li>and ${count(this.plan.length - MAX_SHOWN)} more</li>` : nothing}
      </ul>`;
    }
    if (this.error === undefined) return html`<p class="plan muted" aria-busy="true">Asking the authority…</p>`;
    if (findingOf(this.error) === "sign-in" || this.error.code === "forbidden") {
      return html`<p class="plan muted">The plan is shown to who may bump.
        <button type="button" @click=${() => this.#signIn(() => this.#replan(0))}>Sign in</button></p>`;
    }
    return html`<p class="plan muted">There is no plan.</p>`;
  }

  #problem() {
    if (this.error === undefined || findingOf(this.error) === "sign-in") return nothing;
    const { error } = this;
    return html`<p class="note ${findingOf(error) === "refused" ? "refused" : "warn"}" role="alert">
      ${tell(error)}
    </p>`;
  }

  #result({ changes, receipt }: BumpResult) {
    const own = changes.find(({ entity }) => entity === this.entity) ?? changes[0];
    return html`<form method="dialog">
      <h1 id="title" class="break">${this.entity}</h1>
      <p class="big">${own?.from} → ${own?.to}</p>
      <p><tes-badge standing="proven" word="Written as statement ${count(receipt?.statement.seq ?? 0)}, and proven here"></tes-badge></p>
      ${changes.length > 1 ? html`<p class="muted small">${plural(changes.length - 1, "other entity", "other entities")} moved with it.</p>` : nothing}
      <div class="ends">
        <button type="button" @click=${this.#showEvidence}>Show the evidence</button>
        <button type="submit" class="primary">Done</button>
      </div>
    </form>`;
  }

  readonly #showEvidence = (): void => {
    const seq = this.done?.receipt?.statement.seq;
    this.#dialog?.close();
    if (seq !== undefined) this.tellPage("evidence", { kind: "statement", seq, entity: this.entity });
  };

  readonly #rescoped = (event: Event): void => {
    this.scope = SCOPES.find((known) => known === (event.target as HTMLSelectElement).value) ?? "patch";
    this.#replan(0);
  };

  readonly #renamed = (event: Event): void => {
    this.preid = (event.target as HTMLInputElement).value.trim();
    this.#replan(PLAN_DELAY_MS);
  };

  /** Another text is another request. */
  readonly #touched = (): void => {
    this.#key = undefined;
  };

  #request() {
    return {
      entity: this.entity,
      scope: this.scope,
      ...(WITH_PREID.has(this.scope) && this.preid !== "" ? { preid: this.preid } : {}),
    };
  }

  #replan(delayMs: number): void {
    this.plan = undefined;
    this.error = undefined;
    this.#key = undefined;
    const turn = ++this.#planning;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      try {
        const { changes } = await this.registry.client.bump({ ...this.#request(), dryRun: true });
        if (turn === this.#planning) this.plan = changes;
      } catch (thrown) {
        if (turn !== this.#planning) return;
        this.error = asTesError(thrown);
        this.registry.failed(thrown, "the plan of a bump");
      }
    }, delayMs);
  }

  #signIn(then: () => void): void {
    // One that may not do this is a session all the same, until another takes its place.
    if (this.error !== undefined && findingOf(this.error) === "sign-in") this.access.forget();
    this.tellPage("sign-in", { reason: "Nothing that you typed is lost: the change goes on after it.", then });
  }

  readonly #confirm = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const plan = this.plan;
    if (plan === undefined) return;
    const reason = this.renderRoot.querySelector("textarea")?.value.trim() ?? "";
    const own = plan.find(({ entity }) => entity === this.entity);
    this.busy = true;
    this.error = undefined;
    this.#key ??= crypto.randomUUID();
    try {
      const request = {
        ...this.#request(),
        // What was shown is what is done: if somebody bumped in between, this is refused.
        ...(own === undefined ? {} : { expected: own.from }),
        ...(reason === "" ? {} : { reason }),
      };
      this.done = await this.registry.client.bump(request, { idempotencyKey: this.#key });
      await this.updateComplete;
      // What had the focus is gone with the form.
      this.renderRoot.querySelector<HTMLElement>("button[type=submit]")?.focus();
    } catch (thrown) {
      this.error = asTesError(thrown);
      this.registry.failed(thrown, "a bump");
      if (findingOf(this.error) === "sign-in") {
        this.#signIn(() => this.renderRoot.querySelector("form")?.requestSubmit());
      } else if (this.error.code === "version_conflict") {
        const conflict = this.error;
        this.#replan(0);
        this.error = conflict;
      }
    } finally {
      this.busy = false;
    }
  };
}
define("tes-bump", Bump);
