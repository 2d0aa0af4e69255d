/** The pulse of the whole: connection, size of the log, age of the last proof; and the report behind it. */

import { css, html, nothing } from "lit";
import type { Registry } from "../model/registry.ts";
import { detailOf, explain, remedyOf, type Standing } from "../model/verdict.ts";
import { ago, count, moment, visible } from "../model/words.ts";
import "./badge.ts";
import { reachOf } from "./command.ts";
import "./digest.ts";
import { define, Panel } from "./panel.ts";

/** What the whole registry stands at. A refusal outlasts everything. */
export function pulseOf(registry: Registry): { standing: Standing; word: string } {
  if (registry.refusal !== undefined) return { standing: "refused", word: "refused" };
  switch (registry.link) {
    case "live":
      return { standing: "proven", word: "live" };
    case "opening":
      return { standing: "checking", word: "opening" };
    case "waiting":
      return { standing: "outage", word: "out of reach" };
    case "stopped":
      if (registry.blind) return { standing: "unchecked", word: "no live feed" };
      return { standing: "outage", word: "not following" };
  }
}

export class Pulse extends Panel {
  static override styles = [
    ...Panel.styles,
    css`
      button {
        gap: var(--s12);
        font-weight: 400;
        font-variant-numeric: tabular-nums;
      }
      tes-badge {
        font-weight: 600;
      }
      .refused {
        border-color: var(--refused);
        background: var(--refused-wash);
      }
      b {
        font-weight: 500;
        font-family: var(--mono);
      }
      @media (max-width: 900px) {
        .proof {
          display: none;
        }
      }
      @media (max-width: 700px) {
        .proof,
        .size span {
          display: none;
        }
        button {
          padding: 0 var(--s8);
          gap: var(--s8);
        }
      }
      @media (max-width: 420px) {
        .size:not(.live) {
          display: none;
        }
      }
    `,
  ];

  override render() {
    const { registry } = this;
    const { standing, word } = pulseOf(registry);
    const age =
      registry.provedAt === undefined ? "nothing proven yet" : `proven ${ago(registry.provedAt, registry.now())}`;
    return html`<button type="button" class=${standing === "refused" ? "refused" : "plain"} @click=${() => this.tellPage("evidence", { kind: "pulse" })}>
      <tes-badge standing=${standing} word=${word}></tes-badge>
      <span class="size ${standing === "proven" ? "live" : ""}"><span class="muted">size </span><b>${count(registry.size)}</b></span>
      <span class="proof muted">${age}</span>
    </button>`;
  }
}
define("tes-pulse", Pulse);

/** What stands behind the pulse, in the drawer. */
export class PulseReport extends Panel {
  static override styles = [
    ...Panel.styles,
    css`
      :host {
        font-size: var(--t13);
      }
      section + section {
        margin-top: var(--s24);
        padding-top: var(--s16);
        border-top: 1px solid var(--line);
      }
      h3 {
        margin-bottom: var(--s8);
        color: var(--muted);
        font-size: var(--t13);
        font-weight: 600;
      }
      li {
        padding: var(--s8) 0;
        border-bottom: 1px solid var(--line);
      }
      .note {
        margin-bottom: var(--s16);
      }
      p + p {
        margin-top: var(--s8);
      }
      tes-command {
        margin-top: var(--s8);
      }
    `,
  ];

  override render() {
    const { registry } = this;
    const { standing, word } = pulseOf(registry);
    const { signing, trust, refusal } = registry;
    const now = registry.now();
    return html`
      ${
        refusal === undefined
          ? nothing
          : html`<div class="note refused">
              <p><tes-badge standing="refused" word="Refused ${moment(refusal.at)}"></tes-badge></p>
              <p>${explain(refusal.error)}</p>
              <p class="muted">${visible(refusal.what)}: <code>${refusal.error.code}</code>. <span class="break">${detailOf(refusal.error)}</span></p>
              <p>${remedyOf(refusal.error)} This stays until the page is loaded again.</p>
            </div>`
      }
      <section>
        <dl class="facts">
          <dt>Connection</dt>
          <dd><tes-badge standing=${refusal === undefined ? standing : "refused"} word=${refusal === undefined ? word : registry.link}></tes-badge></dd>
          <dt>Size of the log</dt>
          <dd class="mono">${count(registry.size)}</dd>
          <dt>Last proof</dt>
          <dd>${registry.provedAt === undefined ? "none yet" : ago(registry.provedAt, now)}</dd>
          <dt>Last answer</dt>
          <dd>${
            signing === undefined
              ? "none yet"
              : html`signed by <tes-digest value=${signing.keyid} label="key id"></tes-digest>, key from ${visible(signing.provenance.source)}, ${visible(signing.provenance.slot)}`
          }</dd>
          <dt>Pinned genesis</dt>
          <dd>${trust === undefined ? "none" : html`<tes-digest value=${trust.genesis} label="genesis hash"></tes-digest>`}</dd>
        </dl>
      </section>
      <section>
        <h3>What green means here</h3>
        <p>This browser checked it: each answer's signature, each statement's place in the log, and that the log only grew since it was first seen.</p>
        <p class="muted">The code that checks came from this very authority, with the page. Who does not trust it checks with the command line or the client library from elsewhere.</p>
        <tes-command text="tes log checkpoint ${reachOf(registry.name, trust?.genesis)}"></tes-command>
      </section>
      <section>
        <h3>What failed</h3>
        ${
          registry.incidents.length === 0
            ? html`<p class="muted">Nothing since this page was opened.</p>`
            : html`<ul>
                ${registry.incidents.slice(0, 12).map(
                  ({ error, what, at }) => html`<li>
                    <b>${explain(error)}</b>
                    <div class="muted break">${moment(at)}, ${visible(what)}: <code>${error.code}</code>. ${detailOf(error)}</div>
                  </li>`,
                )}
              </ul>`
        }
      </section>`;
  }
}
define("tes-pulse-report", PulseReport);
