/** A digest or another long text: 8 and 4 characters are shown, the whole is copied. */

import { css, html, LitElement } from "lit";
import { base } from "../look/base.ts";
import { short } from "../model/words.ts";
import { define } from "./panel.ts";

const SHOWN_MS = 1_500;

export class Digest extends LitElement {
  static override properties = { value: {}, label: {}, whole: { type: Boolean }, copied: { state: true } };
  declare value: string;
  /** What it is, for the button's name. */
  declare label: string | undefined;
  declare whole: boolean;
  declare copied: boolean;

  static override styles = [
    base,
    css`
      :host {
        display: inline-block;
        max-width: 100%;
      }
      button {
        position: relative;
        min-height: 22px;
        max-width: 100%;
        padding: 0 2px;
        border: 0;
        background: none;
        color: inherit;
        font: 0.92em / 1.4 var(--mono);
        font-variant-numeric: tabular-nums;
        text-align: left;
        white-space: nowrap;
        gap: 6px;
      }
      button:hover:not(:disabled) {
        background: var(--accent-wash);
      }
      .whole {
        white-space: normal;
        overflow-wrap: anywhere;
      }
      svg {
        flex: none;
        width: 12px;
        height: 12px;
        fill: none;
        stroke: var(--muted);
        stroke-width: 1.5;
      }
      .copied {
        color: var(--proven);
      }
    `,
  ];

  override render() {
    const text = this.whole ? this.value : short(this.value);
    return html`<button type="button" title=${this.value} @click=${this.#copy}>
      <span class=${this.whole ? "whole" : ""}>${text}</span
      ><span class="hidden-label">, copy ${this.label ?? "it"} whole</span>
      ${
        this.copied
          ? html`<span class="copied" role="status">copied</span>`
          : html`<svg viewBox="0 0 12 12" aria-hidden="true"><path d="M4 4h6.5v6.5H4zM8 4V1.5H1.5V8H4" /></svg>`
      }
    </button>`;
  }

  readonly #copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(this.value);
      this.copied = true;
      setTimeout(() => {
        this.copied = false;
      }, SHOWN_MS);
    } catch {
      // Without leave to write to the clipboard the whole text is still there to select.
      this.whole = true;
    }
  };
}
define("tes-digest", Digest);
