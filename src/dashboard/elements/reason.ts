/** The reason that was given for a statement: a text beside the log, held by its salted digest, that can be erased. */

import { css, html, LitElement, nothing } from "lit";
import type { TesError } from "../../client/index.ts";
import { base } from "../look/base.ts";
import type { Registry } from "../model/registry.ts";
import { asTesError, findingOf } from "../model/verdict.ts";
import { count, visible } from "../model/words.ts";
import { define } from "./panel.ts";

/** More than any reason that a person reads; the authority holds texts far above it. Characters. */
const MAX_SHOWN = 8_192;

const known = new Map<string, string>();

export class Reason extends LitElement {
  static override properties = {
    registry: { attribute: false },
    digest: {},
    brief: { type: Boolean },
    text: { state: true },
    long: { state: true },
    whole: { state: true },
    error: { state: true },
  };
  declare registry: Registry;
  declare digest: string;
  /** Inside of something that opens the whole of it: with nothing to press. */
  declare brief: boolean;
  declare text: string | undefined;
  /** It has more lines than are shown. */
  declare long: boolean;
  declare whole: boolean;
  declare error: TesError | undefined;

  static override styles = [
    base,
    css`
      :host {
        display: block;
        color: var(--muted);
        font-size: var(--t13);
        overflow-wrap: anywhere;
        white-space: pre-line;
        unicode-bidi: isolate;
      }
      /* Marks that are stacked on a letter end where the reason does. */
      .text {
        overflow: hidden;
        line-height: 1.5;
      }
      .text:not(.whole) {
        display: -webkit-box;
        -webkit-box-orient: vertical;
        -webkit-line-clamp: 6;
        line-clamp: 6;
      }
      button {
        min-height: 24px;
        margin-top: var(--s4);
        padding: 0 var(--s4);
        color: var(--accent-text);
      }
    `,
  ];

  override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has("digest")) return;
    this.whole = false;
    this.long = false;
    this.text = known.get(this.digest);
    if (this.text === undefined) void this.#load(this.digest);
  }

  override render() {
    if (this.text !== undefined) return this.#shown(this.text);
    if (this.error === undefined) return nothing;
    if (this.error.code === "blob_erased") return html`<i>The reason was erased.</i>`;
    return html`<i>${findingOf(this.error) === "refused" ? "The reason does not match its digest." : "The reason cannot be read."}</i>`;
  }

  #shown(text: string) {
    const cut = text.length > MAX_SHOWN;
    // White space between the tags would be shown.
    return html`<div class="text ${this.whole ? "whole" : ""}">${visible(text.slice(0, MAX_SHOWN), true)}${
      cut && this.whole ? html`… <i>It goes on: ${count(text.length - MAX_SHOWN)} characters more.</i>` : nothing
    }</div>${
      this.brief || !this.long
        ? nothing
        : html`<button type="button" class="plain" aria-expanded=${this.whole} @click=${this.#turn}>${this.whole ? "less" : "more"}</button>`
    }`;
  }

  override updated(): void {
    const box = this.renderRoot.querySelector(".text:not(.whole)");
    if (box !== null) this.long = box.scrollHeight > box.clientHeight + 1;
  }

  readonly #turn = (): void => {
    this.whole = !this.whole;
  };

  async #load(digest: string): Promise<void> {
    try {
      const { text } = await this.registry.client.blob(digest);
      known.set(digest, text);
      if (digest === this.digest) this.text = text;
    } catch (thrown) {
      this.error = asTesError(thrown);
      this.registry.failed(thrown, "a reason");
    }
  }
}
define("tes-reason", Reason);
