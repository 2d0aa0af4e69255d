/** The guards: what protects the signing key, as far as it shows from here, and the execution logs of `tes lock`. */

import { css, html, nothing } from "lit";
import type { KeyProofAnswer, TesError } from "../../client/index.ts";
import { type ExecutionLog, readExecutionLog } from "../../protocol/execution-log.ts";
import { type Claim, pageClients, replayLog } from "../model/replay.ts";
import { asTesError, type Standing, tell } from "../model/verdict.ts";
import { plural, visible } from "../model/words.ts";
import "./badge.ts";
import "./command.ts";
import "./execution-log.ts";
import { define, Panel } from "./panel.ts";

/** A handle that is read again, in browsers that have the File System Access API. */
interface FileHandle {
  getFile(): Promise<File>;
}
type Picker = (options: object) => Promise<FileHandle[]>;

/** How often the file of a running lock is read again. */
const EVERY_MS = 1_000;
/** Far above any log: a run has some ten phases. */
const MAX_LOG_BYTES = 4_194_304;

const STANDING: Readonly<Record<Claim["state"], Standing>> = {
  holds: "proven",
  broken: "refused",
  gone: "outage",
  elsewhere: "unchecked",
};
const WORD: Readonly<Record<Claim["state"], string>> = {
  holds: "Holds",
  broken: "Does not hold",
  gone: "Cannot be asked",
  elsewhere: "Not from here",
};

export class Guards extends Panel {
  static override properties = {
    ...Panel.properties,
    log: { state: true },
    name: { state: true },
    claims: { state: true },
    error: { state: true },
    following: { state: true },
    proof: { state: true },
    over: { state: true },
  };
  declare log: ExecutionLog | undefined;
  declare name: string;
  declare claims: readonly Claim[] | undefined;
  declare error: TesError | undefined;
  declare following: boolean;
  declare proof: KeyProofAnswer | undefined;
  declare over: boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #of: unknown;

  static override styles = [
    ...Panel.styles,
    css`
      section > h2 {
        margin-bottom: var(--s12);
      }
      .guards li,
      .claims li {
        display: grid;
        grid-template-columns: 150px minmax(0, 1fr);
        gap: var(--s4) var(--s16);
        padding: var(--s12) 0;
        border-bottom: 1px solid var(--line-soft);
        font-size: var(--t13);
      }
      .claims p,
      .guards p {
        color: var(--muted);
        overflow-wrap: anywhere;
      }
      .drop {
        display: grid;
        gap: var(--s12);
        padding: var(--s24);
        border: 1px dashed var(--line-strong);
        border-radius: var(--r10);
      }
      .drop.over {
        border-color: var(--accent);
        background: var(--accent-wash);
      }
      textarea {
        font-family: var(--mono);
        font-size: var(--t12);
      }
      .note {
        margin: var(--s16) 0;
      }
      @media (max-width: 700px) {
        .guards li,
        .claims li {
          grid-template-columns: minmax(0, 1fr);
        }
        .drop {
          padding: var(--s16);
        }
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  override willUpdate(): void {
    if (this.#of === this.registry) return;
    this.#of = this.registry;
    const { registry } = this;
    registry.client.keyProof().then(
      (proof) => {
        this.proof = proof;
      },
      (thrown: unknown) => registry.failed(thrown, "the key proof"),
    );
  }

  override render() {
    return html`<div class="page">
      <header>
        <h1>Guards</h1>
        <p class="lede">What keeps the signing key from being lost, replaced or left lying about: as this authority shows it now, and as <code>tes lock</code> wrote it down.</p>
      </header>
      ${this.#now()}
      <section>
        <h2>Execution log of tes lock</h2>
        ${this.#opener()}
        ${this.error === undefined ? nothing : html`<p class="note refused" role="alert">${tell(this.error)}</p>`}
        ${this.log === undefined ? nothing : this.#opened(this.log)}
      </section>
    </div>`;
  }

  #now() {
    const { signing, trust } = this.registry;
    const guards: { standing: Standing; word: string; what: string; why: string }[] = [];
    if (signing !== undefined) {
      const env = signing.provenance.source === "env";
      guards.push({
        // It is what a signed answer says, and no check from here goes behind that.
        standing: "unchecked",
        word: env ? "As it says" : "Needs a person",
        what: env ? "The key comes from the environment" : "The key lives in the object's storage",
        why: env
          ? "From the environment, as the authority says in its last signed answer; where it is kept beside that no page can tell."
          : "As the authority says in its last signed answer. Whoever copies the data copies the key. Move it: tes lock",
      });
    }
    if (this.proof !== undefined) {
      const { proofs, announced } = this.proof;
      const named = proofs.some(({ kid }) => kid === announced);
      guards.push({
        standing: named ? "proven" : "refused",
        word: named ? "In place" : "Does not fit",
        what: named
          ? "The key in place is the one that the log names"
          : "No key in place is the one that the log names",
        why: `${plural(proofs.length, "slot")} in use: ${proofs.map(({ slot }) => slot).join(", ")}.`,
      });
    }
    if (trust !== undefined) {
      guards.push({
        standing: "unchecked",
        word: "Named",
        what: "A recovery key was named in the genesis",
        why: "Where it lies, and that somebody still finds it, no page can tell.",
      });
    }
    guards.push({
      standing: "unchecked",
      word: "Not from here",
      what: "The project's configuration",
      why: "wrangler.toml is on your machine: tes config audit reads it, and tes config fix mends it.",
    });
    return html`<section>
      <h2>Now</h2>
      <ul class="guards">${guards.map(
        ({ standing, word, what, why }) =>
          html`<li><tes-badge standing=${standing} word=${word}></tes-badge><div>${what}<p>${why}</p></div></li>`,
      )}</ul>
    </section>`;
  }

  #opener() {
    return html`<div class="drop ${this.over ? "over" : ""}" @dragover=${this.#dragged} @dragleave=${this.#left} @drop=${this.#dropped}>
      <p class="small">Open the JSON that <code>tes lock</code> writes beside its Markdown. It is read in this browser and goes nowhere; it is checked against this very authority, and a log that is still being written is followed.</p>
      <div class="row">
        <button type="button" class="primary" @click=${this.#pick}>Open a log…</button>
        <span class="muted small">or drop it here, or paste it:</span>
      </div>
      <div>
        <label class="hidden-label" for="paste">The log's JSON</label>
        <textarea id="paste" rows="2" spellcheck="false" placeholder='{"format":"tes-execution-log-v1", …}' @input=${this.#pasted}></textarea>
      </div>
      <input id="file" type="file" accept="application/json,.json" hidden @change=${this.#chosen} />
    </div>`;
  }

  #opened(log: ExecutionLog) {
    const bad = this.claims?.filter(({ state }) => state === "broken").length ?? 0;
    return html`<div class="row spread">
        <p class="small break"><b>${visible(this.name)}</b> ${
          this.following ? html`<span class="muted">read again every second while the run goes on</span>` : nothing
        }</p>
        <button type="button" @click=${() => void this.#replay(log)}>Replay against this authority</button>
      </div>
      ${
        this.claims === undefined
          ? nothing
          : html`<p role="status" class="small">${bad === 0 ? "Nothing contradicts it." : `${plural(bad, "claim")} ${bad === 1 ? "does" : "do"} not hold.`}</p>
              <ul class="claims">${this.claims.map(
                ({ claim, state, detail }) =>
                  html`<li><tes-badge standing=${STANDING[state]} word=${WORD[state]}></tes-badge><div>${claim}<p>${visible(detail)}</p></div></li>`,
              )}</ul>
              <tes-command text="tes lock --replay"></tes-command>`
      }
      <tes-execution-log .log=${log}></tes-execution-log>`;
  }

  readonly #pick = async (): Promise<void> => {
    const picker = (globalThis as { showOpenFilePicker?: Picker }).showOpenFilePicker;
    if (picker === undefined) return this.renderRoot.querySelector<HTMLInputElement>("#file")?.click();
    try {
      const [handle] = await picker({
        types: [{ description: "Execution log", accept: { "application/json": [".json"] } }],
      });
      if (handle !== undefined) await this.#follow(handle, undefined);
    } catch (thrown) {
      // Closing the picker chooses nothing.
      if (!(thrown instanceof DOMException && thrown.name === "AbortError")) this.error = asTesError(thrown);
    }
  };

  /** Reads a file, and again for as long as what is in it goes on. */
  async #follow(handle: FileHandle, before: string | undefined): Promise<void> {
    clearTimeout(this.#timer);
    const file = await handle.getFile();
    const stamp = `${file.lastModified} ${file.size}`;
    if (stamp !== before) await this.#take(file.name, await file.slice(0, MAX_LOG_BYTES).bytes());
    this.following = this.log?.status === "running";
    if (!this.following || !this.isConnected) return;
    this.#timer = setTimeout(() => {
      this.#follow(handle, stamp).catch((thrown: unknown) => {
        this.following = false;
        this.error = asTesError(thrown);
      });
    }, EVERY_MS);
  }

  readonly #chosen = async (event: Event): Promise<void> => {
    const file = (event.target as HTMLInputElement).files?.[0];
    if (file !== undefined) await this.#take(file.name, await file.slice(0, MAX_LOG_BYTES).bytes());
  };

  readonly #dragged = (event: DragEvent): void => {
    event.preventDefault();
    this.over = true;
  };

  readonly #left = (): void => {
    this.over = false;
  };

  readonly #dropped = async (event: DragEvent): Promise<void> => {
    event.preventDefault();
    this.over = false;
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) await this.#take(file.name, await file.slice(0, MAX_LOG_BYTES).bytes());
  };

  readonly #pasted = async (event: Event): Promise<void> => {
    const { value } = event.target as HTMLTextAreaElement;
    if (value.trim() !== "") await this.#take("Pasted", new TextEncoder().encode(value));
  };

  async #take(name: string, bytes: Uint8Array): Promise<void> {
    clearTimeout(this.#timer);
    this.following = false;
    this.claims = undefined;
    try {
      this.log = readExecutionLog(bytes);
      this.name = name;
      this.error = undefined;
    } catch (thrown) {
      this.log = undefined;
      this.error = asTesError(thrown);
    }
  }

  async #replay(log: ExecutionLog): Promise<void> {
    this.claims = await replayLog(log, location.origin, pageClients(location.origin));
  }
}
define("tes-guards", Guards);
