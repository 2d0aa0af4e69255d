/** A command to run somewhere else, whole, with a button that copies it. */

import { css, html, LitElement } from "lit";
import { base } from "../look/base.ts";
import { define } from "./panel.ts";

const SHOWN_MS = 1_500;

/** The options by which the command line reaches what this page shows. */
export function reachOf(registry: string, genesis?: string): string {
  const named = registry === "default" ? "" : ` --registry ${registry}`;
  const pinned = genesis === undefined ? "" : ` \\\n  --genesis ${genesis}`;
  return `--url ${location.origin}${named}${pinned}`;
}

export class Command extends LitElement {
  static override properties = { text: {}, copied: { state: true } };
  declare text: string;
  declare copied: boolean;

  static override styles = [
    base,
    css`
      div {
        display: flex;
        gap: var(--s8);
        align-items: flex-start;
        padding: var(--s8) var(--s8) var(--s8) var(--s12);
        border: 1px solid var(--line);
        border-radius: var(--r6);
        background: var(--bg);
      }
      code {
        flex: 1;
        padding-top: 5px;
        font-size: var(--t12);
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }
      button {
        min-height: 28px;
        padding: 0 var(--s8);
      }
    `,
  ];

  override render() {
    return html`<div>
      <code>${this.text}</code>
      <button type="button" aria-label="Copy the command" @click=${this.#copy}>${this.copied ? "Copied" : "Copy"}</button>
    </div>`;
  }

  readonly #copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(this.text).catch(() => undefined);
    this.copied = true;
    setTimeout(() => {
      this.copied = false;
    }, SHOWN_MS);
  };
}
define("tes-command", Command);
