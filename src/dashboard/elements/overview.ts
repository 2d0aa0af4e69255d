/** The registry itself: what it is, how far its log is, and what comes in. */

import { css, html, nothing } from "lit";
import { pinSource } from "../model/pins.ts";
import { addressOf } from "../model/route.ts";
import { count, plural, visible } from "../model/words.ts";
import "./badge.ts";
import { inRegistry } from "./command.ts";
import "./digest.ts";
import { define, Panel } from "./panel.ts";
import "./statements.ts";

export class Overview extends Panel {
  static override styles = [
    ...Panel.styles,
    css`
      .numbers {
        display: grid;
        grid-template-columns: repeat(3, minmax(0, 1fr));
        gap: var(--s16);
        padding: var(--s16) 0;
        border-block: 1px solid var(--line);
      }
      .numbers b {
        display: block;
        font: 500 var(--t32) / 1.1 var(--mono);
        font-variant-numeric: tabular-nums;
        letter-spacing: -0.02em;
      }
      .numbers span {
        color: var(--muted);
        font-size: var(--t13);
      }
      .all {
        display: none;
      }
      @media (max-width: 700px) {
        .all {
          display: block;
        }
      }
      h1 {
        overflow-wrap: anywhere;
      }
    `,
  ];

  override render() {
    const { registry } = this;
    const { state, trust, entities, size, feed, signing } = registry;
    if (state === undefined) return nothing;
    const linked = pinSource(localStorage, `${location.origin}/${registry.name}`) === "address";
    const retired = [...entities.values()].filter((one) => one.retired === true).length;
    const bumps = feed.filter(({ json }) => json.type === "version.bumped").length;
    return html`<div class="page">
      <header>
        <p class="small all"><a href=${addressOf(registry.name, "entities")}>All entities</a></p>
        <div class="row spread">
          <h1>${registry.name}</h1>
          <button type="button" class="plain" @click=${() => this.tellPage("evidence", { kind: "pulse" })}>
            <tes-badge
              standing=${registry.refusal === undefined ? "proven" : "refused"}
              word=${registry.refusal === undefined ? "Signed and checked here" : "Something was refused"}
            ></tes-badge>
          </button>
        </div>
        <p class="lede">A ${state.visibility} registry. Choose an entity to see its version, what moves with it, and the proof.</p>
      </header>
      <div class="numbers">
        <div><b>${count(size)}</b><span>${size === 1 ? "statement" : "statements"} in the log</span></div>
        <div><b>${count(entities.size - retired)}</b><span>${entities.size - retired === 1 ? "entity" : "entities"}${retired > 0 ? `, and ${plural(retired, "retired one")}` : ""}</span></div>
        <div><b>${count(bumps)}</b><span>${bumps === 1 ? "bump" : "bumps"} among the last ${count(feed.length)}</span></div>
      </div>
      <dl class="facts">
        <dt>Genesis</dt>
        <dd><tes-digest value=${state.genesis} label="genesis hash"></tes-digest>${linked ? ", which a link named that was opened in this browser" : nothing}</dd>
        <dt>Origin of the log</dt>
        <dd class="mono break">${visible(state.origin)}</dd>
        <dt>Signing key</dt>
        <dd>
          ${
            signing === undefined
              ? "not seen yet"
              : html`<tes-digest value=${signing.keyid} label="key id"></tes-digest>, from ${
                  { env: "the environment", storage: "the object's storage", generated: "this object, which made it" }[
                    signing.provenance.source
                  ]
                }`
          }
        </dd>
        ${trust !== undefined && trust.epoch > 1 ? html`<dt>Epoch</dt><dd>${trust.epoch}: restored ${plural(trust.epoch - 1, "time")}</dd>` : nothing}
      </dl>
      ${
        entities.size === 0
          ? html`<div class="empty"><p>There is no entity yet. This declares the first:</p><code>tes entity declare global:main${inRegistry(registry.name)}</code></div>`
          : nothing
      }
      <section>
        <h2>As it happens</h2>
        ${
          feed.length === 0
            ? html`<div class="empty"><p>Nothing was written yet. The first statement makes this list:</p><code>tes init${inRegistry(registry.name)}</code></div>`
            : html`<tes-statements .registry=${registry} .tick=${this.tick} .statements=${feed.slice(0, 40)}></tes-statements>`
        }
      </section>
    </div>`;
  }
}
define("tes-overview", Overview);
