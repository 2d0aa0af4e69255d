/** The keys: the chain from the genesis on, what signs now and where it comes from, and what this browser remembers. */

import { css, html, nothing } from "lit";
import type { KeyProofAnswer, KeysAnswer, TesError, Trust } from "../../client/index.ts";
import type { PinSource } from "../model/pins.ts";
import { asTesError, tell } from "../model/verdict.ts";
import { count, moment, plural, visible } from "../model/words.ts";
import "./badge.ts";
import { reachOf } from "./command.ts";
import "./digest.ts";
import { forgetOnPurpose } from "./forget.ts";
import { define, Panel } from "./panel.ts";

const PURPOSE: Readonly<Record<string, string>> = {
  "log-ed25519": "signs the log's checkpoints",
  "response-ed25519": "signs every answer",
  "response-hmac": "signs every answer, for holders of the key",
  "token-hs256": "signs tokens",
};

export const SOURCES: Readonly<Record<string, string>> = {
  env: "the environment, as the authority says; where it is kept beside that no page can tell",
  storage: "the object's own storage, as the authority says",
  generated: "this object, which made it because there was none, as the authority says",
};

export class Keys extends Panel {
  static override properties = {
    ...Panel.properties,
    pinKey: {},
    pinSource: {},
    found: { state: true },
    proof: { state: true },
    error: { state: true },
  };
  declare pinKey: string;
  declare pinSource: PinSource;
  declare found: { answer: KeysAnswer; trust: Trust } | undefined;
  declare proof: KeyProofAnswer | undefined;
  declare error: TesError | undefined;
  #of: unknown;

  static override styles = [
    ...Panel.styles,
    css`
      .chain {
        position: relative;
        display: grid;
        gap: var(--s16);
      }
      .chain li {
        display: grid;
        grid-template-columns: 20px minmax(0, 1fr);
        gap: var(--s12);
      }
      .chain h3 {
        font-size: var(--t15);
        font-weight: 600;
        line-height: 1.3;
      }
      .chain p {
        color: var(--muted);
        font-size: var(--t13);
      }
      .chain tes-badge {
        align-self: start;
        margin-top: 2px;
        font-size: 17px;
      }
      section > h2 {
        margin-bottom: var(--s12);
      }
      td.use {
        color: var(--muted);
      }
    `,
  ];

  override willUpdate(): void {
    if (this.#of === this.registry) return;
    this.#of = this.registry;
    this.found = undefined;
    void this.#load();
  }

  override render() {
    const { registry, found } = this;
    if (this.error !== undefined) {
      return html`<div class="page"><p class="note warn">${tell(this.error)} <button type="button" @click=${() => void this.#load()}>Ask again</button></p></div>`;
    }
    if (found === undefined)
      return html`<div class="page"><p class="muted" aria-busy="true">Checking the chain of keys…</p></div>`;
    const { answer, trust } = found;
    const genesis = answer.genesis as { at?: number };
    return html`<div class="page">
      <header>
        <h1>Keys</h1>
        <p class="lede">Everything this page believes hangs on one hash: that of the genesis. It names the first keys, and each later key is named under one that came before it, or by the recovery key.</p>
      </header>
      <section>
        <h2>The chain, checked here from its beginning</h2>
        <ol class="chain">
          <li>
            <tes-badge bare standing="proven"></tes-badge>
            <div>
              <h3>Genesis</h3>
              <p><tes-digest value=${trust.genesis} label="genesis hash"></tes-digest>${genesis.at === undefined ? nothing : html`, ${moment(genesis.at)}`}</p>
              <p>${
                this.pinSource === "address"
                  ? "Pinned by a link that was opened in this browser: the link named it, and this authority shows the same. So the link vouches for it, and whoever sent it."
                  : "Taken on first use: this browser holds the authority to it from then on. Compare it once with the one its operator publishes."
              }</p>
            </div>
          </li>
          ${trust.earlier.map(
            ({ logKey, until }, index) => html`<li>
              <tes-badge bare standing="proven"></tes-badge>
              <div>
                <h3>${trust.restores.some(({ seq }) => seq === until) ? "Restored under the recovery key" : "Moved to other keys"}</h3>
                <p>Announcement ${index + 1}: <tes-digest value=${logKey.kid} label="log key id"></tes-digest> spoke up to size ${count(until)}.</p>
              </div>
            </li>`,
          )}
          <li>
            <tes-badge bare standing="proven"></tes-badge>
            <div>
              <h3>What signs now</h3>
              <p>Log key <tes-digest value=${trust.logKey.kid} label="log key id"></tes-digest>, answers <tes-digest value=${trust.responseKeys[0]?.kid ?? ""} label="response key id"></tes-digest></p>
            </div>
          </li>
        </ol>
      </section>
      ${this.#source()}
      <section>
        <h2>${plural(answer.keys.length, "key")}</h2>
        <div class="scroll-x" tabindex="0" role="region" aria-label="Keys"><table>
          <thead><tr><th scope="col">Id</th><th scope="col">For</th><th scope="col">Algorithm</th><th scope="col">Status</th></tr></thead>
          <tbody>${answer.keys.map(
            ({ kid, use, alg, status }) => html`<tr>
              <td><tes-digest value=${kid} label="key id"></tes-digest></td>
              <td>${use} <span class="muted">${PURPOSE[use] ?? ""}</span></td>
              <td class="use">${alg}</td>
              <td class="use">${status}</td>
            </tr>`,
          )}</tbody>
        </table></div>
      </section>
      <section>
        <h2>The recovery key</h2>
        <p class="small">Its public half: <tes-digest value=${trust.recovery} label="recovery key"></tes-digest></p>
        <p class="small muted">It was named in the genesis; where it lies no page can tell. It alone names new keys after the signing key got out, and reopens a backup.</p>
      </section>
      <section>
        <h2>What this browser remembers</h2>
        <p class="small">Genesis and highest checkpoint of <code>${this.pinKey}</code>. An authority that shows less, or another log, is refused, today and after a reload.</p>
        <div class="row">
          <button type="button" @click=${() => forgetOnPurpose(this.pinKey)}>Forget it</button>
        </div>
      </section>
      <section>
        <h2>Check it elsewhere</h2>
        <tes-command text="tes verify ${reachOf(registry.name, trust.genesis)}"></tes-command>
      </section>
    </div>`;
  }

  #source() {
    const { signing } = this.registry;
    if (signing === undefined) return nothing;
    const { source, slot } = signing.provenance;
    const here = this.proof?.proofs ?? [];
    return html`<section>
      <h2>Where the signing key comes from</h2>
      <dl class="facts">
        <dt>Source</dt>
        <dd>${SOURCES[source] ?? visible(source)}</dd>
        <dt>Slot</dt>
        <dd class="mono">${visible(slot)}</dd>
        ${here.map(
          (one) => html`<dt>In place</dt>
            <dd><tes-digest value=${one.kid} label="key id"></tes-digest> in ${one.slot}, from ${one.source}${one.kid === this.proof?.announced ? ", the one the log names" : ", a candidate"}</dd>`,
        )}
      </dl>
      ${
        source === "env"
          ? nothing
          : html`<p class="note warn">A key that lives with the data is lost and copied with the data. Put it in the environment: <code>tes lock</code></p>`
      }
    </section>`;
  }

  async #load(): Promise<void> {
    this.error = undefined;
    const { registry } = this;
    try {
      this.found = await registry.client.keys();
      registry.trust = this.found.trust;
      this.proof = await registry.client.keyProof();
    } catch (thrown) {
      this.error = asTesError(thrown);
      registry.failed(thrown, "the chain of keys");
    }
  }
}
define("tes-keys", Keys);
