/** The evidence drawer: from a statement to the key that vouches for it, each step with its check and its command. */

import { css, html, nothing, type TemplateResult } from "lit";
import { explainReceipt, type ReceiptEvidence, type TesError, type VerifiedReceipt } from "../../client/index.ts";
import { asTesError, detailOf, explain, findingOf, remedyOf, type Standing } from "../model/verdict.ts";
import { ago, count, moment, plural, say, short, versionIn, visible } from "../model/words.ts";
import "./badge.ts";
import { reachOf } from "./command.ts";
import "./digest.ts";
import "./pulse.ts";
import "./reason.ts";
import { define, Panel, type Subject } from "./panel.ts";

interface Found {
  readonly receipt: VerifiedReceipt;
  readonly evidence: ReceiptEvidence;
  readonly at: number;
}

export class Evidence extends Panel {
  static override properties = {
    ...Panel.properties,
    subject: { attribute: false },
    found: { state: true },
    error: { state: true },
  };
  declare subject: Subject | undefined;
  declare found: Found | undefined;
  declare error: TesError | undefined;
  #asked = "";

  static override styles = [
    ...Panel.styles,
    css`
      :host {
        padding: var(--s16);
        font-size: var(--t13);
      }
      header {
        display: flex;
        align-items: center;
        justify-content: space-between;
        min-height: 32px;
        margin-bottom: var(--s12);
      }
      header h2 {
        color: var(--text);
        font-size: var(--t15);
      }
      ol {
        position: relative;
      }
      li {
        position: relative;
        padding: 0 0 var(--s24) var(--s32);
      }
      li:not(:last-child)::before {
        content: "";
        position: absolute;
        left: 9px;
        top: 20px;
        bottom: -2px;
        width: 2px;
        border-radius: 1px;
        background: var(--line);
      }
      li.proven:not(:last-child)::before {
        background: color-mix(in hsl, var(--proven) 55%, transparent);
      }
      li > tes-badge {
        position: absolute;
        left: 0;
        top: 1px;
        font-size: 17px;
      }
      h3 {
        font-size: var(--t13);
        font-weight: 600;
        line-height: 1.6;
      }
      .what {
        color: var(--muted);
      }
      details {
        margin-top: var(--s4);
      }
      summary {
        width: max-content;
        color: var(--accent-text);
        cursor: pointer;
        border-radius: 3px;
      }
      pre {
        margin: var(--s8) 0 0;
        padding: var(--s12);
        border-radius: var(--r6);
        background: var(--bg);
        font-size: var(--t12);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        max-height: 280px;
        overflow: auto;
      }
      .path {
        margin-top: var(--s8);
        font-family: var(--mono);
        font-size: var(--t12);
      }
      .path div {
        display: grid;
        grid-template-columns: 3ch minmax(0, 1fr) 2ch minmax(0, 1fr);
        gap: var(--s8);
        padding: 2px 0;
        color: var(--muted);
      }
      .path b {
        color: var(--text);
        font-weight: 400;
      }
      .elsewhere {
        padding-top: var(--s16);
        border-top: 1px solid var(--line);
      }
      .elsewhere h2 {
        margin-bottom: var(--s8);
      }
      .limits {
        margin-top: var(--s16);
        color: var(--muted);
        font-size: var(--t12);
      }
      .note {
        margin-bottom: var(--s16);
      }
    `,
  ];

  override willUpdate(): void {
    const { subject } = this;
    const key = subject?.kind === "statement" ? `${this.registry.name} ${subject.seq}` : (subject?.kind ?? "");
    if (key === this.#asked) return;
    this.#asked = key;
    this.found = undefined;
    this.error = undefined;
    if (subject?.kind === "statement") void this.#load(subject.seq, key);
  }

  override render() {
    const { subject } = this;
    return html`<header>
        <h2 id="evidence-title" tabindex="-1">${subject?.kind === "statement" ? `Evidence for statement ${count(subject.seq)}` : subject?.kind === "change" ? "Evidence for both sides" : "Evidence"}</h2>
        <button type="button" class="plain close" aria-label="Close the evidence" @click=${() => this.dispatchEvent(new CustomEvent("tes-close", { bubbles: true, composed: true }))}>Close</button>
      </header>
      ${
        subject?.kind === "statement"
          ? this.#statement(subject)
          : subject?.kind === "change"
            ? html`<tes-change .registry=${this.registry} .tick=${this.tick} .compared=${subject.compared} .change=${subject.change}></tes-change>`
            : html`<tes-pulse-report .registry=${this.registry} .tick=${this.tick}></tes-pulse-report>`
      }`;
  }

  #statement({ seq, entity }: Extract<Subject, { kind: "statement" }>) {
    if (this.error !== undefined) return this.#failure(this.error, seq);
    if (this.found === undefined)
      return html`<p class="muted" aria-busy="true"><tes-badge standing="checking" word="Fetching the receipt and checking it"></tes-badge></p>`;
    const { receipt, evidence, at } = this.found;
    const { statement, checkpoint } = receipt;
    const { about, text, code, more } = say(statement, statement.type);
    const { trust } = this.registry;
    const shown = entity === undefined ? undefined : this.registry.entities.get(entity);
    const said = entity === undefined ? undefined : versionIn(statement, entity);
    const contradicts = shown?.seq === seq && said !== undefined && said !== shown.version;
    const { refused } = evidence;
    return html`
      ${
        contradicts
          ? html`<p class="note refused">The answer showed ${entity} at <code>${shown?.version}</code>, and the log says <code>${said}</code>.</p>`
          : nothing
      }
      <ol>
        ${this.#step(
          refused.statement === undefined && !contradicts,
          "Statement",
          html`<span class="break">${about} ${text} <code>${code ?? ""}</code> ${more ?? ""}</span>, ${moment(statement.at)}, by token <tes-digest value=${statement.by} label="token id"></tes-digest>
            ${"reason" in statement && statement.reason !== undefined ? html`<tes-reason .registry=${this.registry} digest=${statement.reason.digest}></tes-reason>` : nothing}
            <details><summary>The bytes that are hashed</summary><pre tabindex="0">${visible(evidence.canonical, true)}</pre></details>`,
        )}
        ${this.#step(true, "Leaf", html`Their hash, computed here: <tes-digest value=${evidence.leaf} label="leaf hash"></tes-digest>`)}
        ${this.#step(
          refused.inclusion === undefined,
          "Inclusion proof",
          html`${plural(evidence.path.length, "hash", "hashes")} lead from leaf ${count(seq)} to the root of a log of ${count(receipt.receipt.inclusion.size)}.
            <details>
              <summary>The way up</summary>
              <div class="path">${evidence.path.map(
                ({ side, sibling, node }, level) => html`<div>
                  <span>${level + 1}</span><span>${side === "left" ? "◂" : "▸"} ${short(sibling)}</span><span>→</span><b>${short(node)}</b>
                </div>`,
              )}</div>
            </details>`,
        )}
        ${this.#step(
          refused.checkpoint === undefined,
          "Checkpoint",
          html`Size ${count(checkpoint.size)}, root <tes-digest value=${evidence.root} label="root"></tes-digest>, signed; and it extends every one this browser saw before.
            <details><summary>The signed note</summary><pre tabindex="0">${visible(receipt.receipt.checkpoint, true)}</pre></details>`,
        )}
        ${this.#step(
          trust !== undefined,
          "Key",
          html`Log key <tes-digest value=${evidence.logKey.kid} label="log key id"></tes-digest>, named by the genesis <tes-digest value=${trust?.genesis ?? ""} label="genesis hash"></tes-digest>${
            (trust?.announced ?? 0) > 0 ? ` and ${plural(trust?.announced ?? 0, "announcement")} after it` : ""
          }.
            <a href="#/${this.registry.name}/keys">The whole chain</a>`,
        )}
      </ol>
      <section class="elsewhere">
        <h2>Check it elsewhere</h2>
        <tes-command text=${this.#command(seq)}></tes-command>
        <p class="limits">
          Checked in this browser ${ago(at, this.registry.now())}. That no later statement changed it is what the authority
          signs in its state; from statement ${count(this.registry.state?.size ?? 0)} on, this page has read every one itself. The
          page's own code came from this authority: the command does not.
        </p>
      </section>`;
  }

  #step(holds: boolean, title: string, body: TemplateResult) {
    const standing: Standing = holds ? "proven" : "refused";
    return html`<li class=${standing}>
      <tes-badge bare standing=${standing} word=${holds ? "Holds" : "Does not hold"}></tes-badge>
      <h3>${title}</h3>
      <div class="what">${body}</div>
    </li>`;
  }

  #failure(error: TesError, seq: number) {
    const refused = findingOf(error) === "refused";
    return html`<p class="note ${refused ? "refused" : "warn"}">
        <tes-badge standing=${refused ? "refused" : "outage"}></tes-badge><br />
        ${explain(error)}
      </p>
      <dl class="facts">
        <dt>Finding</dt>
        <dd class="mono">${error.code}</dd>
        ${detailOf(error) === "" ? nothing : html`<dt>Detail</dt><dd class="break">${detailOf(error)}</dd>`}
        <dt>What to do</dt>
        <dd>${remedyOf(error)}</dd>
      </dl>
      <p class="row"><button type="button" @click=${() => void this.#load(seq, this.#asked)}>Ask again</button></p>
      <section class="elsewhere"><h2>Check it elsewhere</h2><tes-command text=${this.#command(seq)}></tes-command></section>`;
  }

  #command(seq: number): string {
    const { trust, name } = this.registry;
    // What was pinned by the first command holds for the second.
    return `tes log show ${seq} ${reachOf(name, trust?.genesis)} > statement-${seq}.json\ntes verify statement-${seq}.json ${reachOf(name)}`;
  }

  async #load(seq: number, key: string): Promise<void> {
    this.error = undefined;
    try {
      const receipt = await this.registry.proofs.receipt(seq);
      const trust = await this.registry.client.trust();
      const evidence = await explainReceipt(receipt.receipt, trust);
      if (key === this.#asked) this.found = { receipt, evidence, at: this.registry.now() };
    } catch (thrown) {
      if (key === this.#asked) this.error = asTesError(thrown);
    }
  }
}
define("tes-evidence", Evidence);
