/** A command to run somewhere else, whole, with a button that copies it. */

import { css, html, LitElement } from "lit";
import { base } from "../look/base.ts";
import { define } from "./panel.ts";

const SHOWN_MS = 1_500;

/** A word for a POSIX shell, whatever is in it: names of files come from whoever published them. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The option that names a registry, where a command needs it. */
export const inRegistry = (name: string): string => (name === "default" ? "" : ` --registry ${name}`);

/** The options by which the command line reaches what this page shows. */
export function reachOf(registry: string, genesis?: string): string {
  const options = [
    `--url ${location.origin}`,
    ...(registry === "default" ? [] : [`--registry ${registry}`]),
    ...(genesis === undefined ? [] : [`--genesis ${genesis}`]),
  ];
  return `\\\n  ${options.join(" \\\n  ")}`;
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
