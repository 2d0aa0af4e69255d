/** One file of a release: downloaded through the page, which hands it out only when it is what the publishers signed. */

import { css, html, nothing } from "lit";
import type { TesError } from "../../client/index.ts";
import { pathOf } from "../../protocol/paths.ts";
import {
  fetchChecked,
  fits,
  MAX_HELD_BYTES,
  mustSignIn,
  openSink,
  type Picker,
  type Wanted,
} from "../model/download.ts";
import { asTesError, explain, findingOf, tell } from "../model/verdict.ts";
import { bytes, visible } from "../model/words.ts";
import "./badge.ts";
import { quoted } from "./command.ts";
import { define, Panel } from "./panel.ts";

/** How often what has come is drawn. */
const DRAW_MS = 100;
/** A browser takes a file that is handed to it in its own time. */
const GIVEN_MS = 60_000;

export class Download extends Panel {
  static override properties = {
    ...Panel.properties,
    file: { attribute: false },
    come: { state: true },
    done: { state: true },
    error: { state: true },
  };
  declare file: Wanted;
  /** Bytes, while it comes. */
  declare come: number | undefined;
  declare done: boolean;
  declare error: TesError | undefined;
  #stop: AbortController | undefined;
  #drawn = 0;

  static override styles = [
    ...Panel.styles,
    css`
      :host {
        display: block;
        min-width: 15ch;
        font-size: var(--t13);
      }
      button {
        min-height: 28px;
        padding: 0 var(--s8);
      }
      progress {
        width: 96px;
        height: 6px;
        accent-color: var(--accent);
      }
      tes-badge {
        white-space: normal;
        line-height: 1.4;
      }
      .row {
        flex-wrap: wrap;
        gap: var(--s4) var(--s8);
      }
      tes-command {
        display: block;
        min-width: min(360px, 70vw);
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.abort();
  }

  override render() {
    const { name, size } = this.file;
    if (this.come !== undefined) {
      return html`<div class="row" role="status">
        <progress max=${Math.max(1, size)} value=${this.come} aria-label="${visible(name)}: how much has come"></progress>
        <span class="muted">${bytes(this.come)} of ${bytes(size)}</span>
        <button type="button" class="plain" @click=${() => this.#stop?.abort()}>Stop</button>
      </div>`;
    }
    if (this.done) {
      return html`<div role="status"><tes-badge standing="proven" word="Saved: it is the file that was signed"></tes-badge></div>`;
    }
    if (!fits(size, globalThis as Picker)) return this.#elsewhere();
    return html`${this.error === undefined ? nothing : this.#failure(this.error)}
      <button type="button" @click=${this.#start}>${this.error === undefined ? "Download and check" : "Again"}<span class="hidden-label">${visible(name)}</span></button>`;
  }

  #failure(error: TesError) {
    if (mustSignIn(error)) {
      return html`<p role="alert">It is given to who is signed in with the scope read. <button type="button" class="plain" @click=${() => this.tellPage("sign-in", {})}>Sign in</button></p>`;
    }
    const finding = findingOf(error);
    const word =
      error.code === "interrupted"
        ? "Stopped. Nothing was saved."
        : error.code === "digest_mismatch"
          ? "Refused: what came is not the file that was signed. Nothing was saved."
          : `${finding === "answer" ? tell(error) : explain(error)} Nothing was saved.`;
    const standing = finding === "refused" ? "refused" : finding === "outage" ? "outage" : "unchecked";
    return html`<p role="alert"><tes-badge standing=${standing} word=${word}></tes-badge></p>`;
  }

  /** Too large to wait in memory, and this browser writes no file piece by piece. */
  #elsewhere() {
    const { registry } = this;
    const { name, sha256 } = this.file;
    const as = quoted(`./${name}`);
    const token = registry.trust?.visibility === "public" ? "" : ` -H "Authorization: Bearer $TES_TOKEN"`;
    return html`<p class="muted">This browser writes no file piece by piece, and above ${bytes(MAX_HELD_BYTES)} none is kept in its memory:</p>
      <tes-command text=${`curl -f${token} -o ${as} ${location.origin}${pathOf.artifact(registry.name, sha256)}\necho "${sha256}  "${as} | sha256sum -c`}></tes-command>`;
  }

  readonly #start = async (): Promise<void> => {
    const { registry, file } = this;
    const stop = new AbortController();
    this.#stop = stop;
    this.error = undefined;
    try {
      const sink = await openSink(file.name, globalThis as Picker, (whole) => give(whole, file.name));
      if (sink === undefined) return;
      this.come = 0;
      await fetchChecked(registry.client, file, sink, stop.signal, (come) => this.#came(come));
      this.done = true;
    } catch (thrown) {
      this.error = asTesError(thrown);
      if (!mustSignIn(this.error)) registry.failed(thrown, `the file ${file.name}`);
    } finally {
      this.come = undefined;
    }
  };

  #came(come: number): void {
    const now = performance.now();
    if (now - this.#drawn < DRAW_MS) return;
    this.#drawn = now;
    this.come = come;
  }
}
define("tes-download", Download);

/** Hands a file out, as a link with `download` does. */
function give(file: Blob, name: string): void {
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), GIVEN_MS);
}
