/** The reason that was given for a statement: a text beside the log, held by its salted digest, that can be erased. */

import { css, html, LitElement, nothing } from "lit";
import type { TesError } from "../../client/index.ts";
import { base } from "../look/base.ts";
import type { Registry } from "../model/registry.ts";
import { asTesError, findingOf } from "../model/verdict.ts";
import { visible } from "../model/words.ts";
import { define } from "./panel.ts";

const known = new Map<string, string>();

export class Reason extends LitElement {
  static override properties = {
    registry: { attribute: false },
    digest: {},
    text: { state: true },
    error: { state: true },
  };
  declare registry: Registry;
  declare digest: string;
  declare text: string | undefined;
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
    `,
  ];

  override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has("digest")) return;
    this.text = known.get(this.digest);
    if (this.text === undefined) void this.#load(this.digest);
  }

  override render() {
    if (this.text !== undefined) return html`<span>${visible(this.text, true)}</span>`;
    if (this.error === undefined) return nothing;
    if (this.error.code === "blob_erased") return html`<i>The reason was erased.</i>`;
    return html`<i>${findingOf(this.error) === "refused" ? "The reason does not match its digest." : "The reason cannot be read."}</i>`;
  }

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
