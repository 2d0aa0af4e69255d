/** What is not the same at two sizes of the log: both sides of each line are held against the log in this browser. */

import { css, html, nothing } from "lit";
import type { TesError } from "../../client/index.ts";
import { type Changed, Compared } from "../model/comparison.ts";
import { addressOf } from "../model/route.ts";
import { asTesError, explain, tell } from "../model/verdict.ts";
import { count } from "../model/words.ts";
import "./badge.ts";
import "./change.ts";
import { define, Panel } from "./panel.ts";

/** No room for the word beside the shape. */
const NARROW = matchMedia("(max-width: 700px)");

export class Comparison extends Panel {
  static override properties = {
    ...Panel.properties,
    from: {},
    to: {},
    compared: { state: true },
    error: { state: true },
  };
  declare from: number;
  declare to: number;
  declare compared: Compared | undefined;
  declare error: TesError | undefined;
  #asked = "";

  static override styles = [
    ...Panel.styles,
    css`
      :host {
        min-height: 0;
        overflow-y: auto;
        padding: var(--s16) var(--s24) var(--s32);
      }
      table {
        max-width: 900px;
      }
      td code b {
        color: var(--accent-text);
        font-weight: 600;
      }
      td code {
        overflow-wrap: anywhere;
      }
      td:first-child {
        min-width: 13ch;
      }
      td {
        vertical-align: middle;
      }
      td button {
        margin-left: calc(-1 * var(--s12));
      }
      .ground {
        margin-bottom: var(--s16);
        font-size: var(--t13);
      }
      .ground tes-badge {
        white-space: normal;
        line-height: 1.4;
      }
      @media (max-width: 700px) {
        :host {
          padding: var(--s16);
        }
        .scroll-x table {
          min-width: 0;
        }
        th,
        td {
          padding-right: var(--s8);
        }
        td button {
          margin: 0;
          padding: 0 var(--s8);
        }
      }
    `,
  ];

  override willUpdate(): void {
    const key = `${this.registry.name} ${this.from} ${this.to}`;
    if (key === this.#asked) return;
    this.#asked = key;
    this.compared = undefined;
    this.error = undefined;
    void this.#compare(key);
  }

  override render() {
    if (this.error !== undefined) return html`<p class="note warn">${tell(this.error)}</p>`;
    const { compared } = this;
    if (compared === undefined) return html`<p class="muted" aria-busy="true">Comparing…</p>`;
    const { changes } = compared.diff;
    return html`${this.#ground(compared)}
      ${changes.length === 0 ? html`<div class="empty"><p>Every entity is the same at both sizes, as the authority signs.</p></div>` : this.#table(compared)}`;
  }

  #ground({ ground, error }: Compared) {
    const words = {
      proven: "Both sizes are beginnings of the one log that this browser follows",
      checking: "Checking that both sizes belong to one log",
      unchecked: "Whether both sizes belong to one log was not checked",
      outage: "What proves that both sizes belong to one log is out of reach",
      refused: error === undefined ? "" : explain(error),
    };
    return html`<p class="ground"><tes-badge standing=${ground} word=${words[ground]}></tes-badge></p>`;
  }

  #table(compared: Compared) {
    const { from, to, changes } = compared.diff;
    return html`<div class="scroll-x" tabindex="0" role="region" aria-label="What is not the same"><table>
      <thead><tr><th scope="col">Entity</th><th scope="col">At ${count(from)}</th><th scope="col">At ${count(to)}</th><th scope="col">Proof</th></tr></thead>
      <tbody>${changes.map((change) => {
        const { entity, before, after } = change;
        return html`<tr>
          <td class="break"><a href=${addressOf(this.registry.name, "entities", entity)}>${entity}</a></td>
          <td class="muted">${before === null ? "not there yet" : html`<code>${before.version}</code>`}</td>
          <td>${after === null ? "not there" : html`<code><b>${after.version}</b></code>`}${after?.retired === true ? html` <span class="small muted">retired</span>` : nothing}</td>
          <td><button type="button" class="plain" @click=${() => this.tellPage("evidence", { kind: "change", compared, change })}>${this.#badge(compared, change)}<span class="hidden-label">, show the evidence for ${entity}</span></button></td>
        </tr>`;
      })}</tbody>
    </table></div>`;
  }

  #badge(compared: Compared, change: Changed) {
    const { standing } = compared.row(change);
    // What was not there no statement proves: the other side alone is green.
    const one = standing === "proven" && change.before === null;
    return html`<tes-badge ?bare=${NARROW.matches} standing=${standing} word=${one ? "Newer side proven here" : nothing}></tes-badge>`;
  }

  async #compare(key: string): Promise<void> {
    const { registry } = this;
    try {
      const compared = new Compared(registry, await registry.client.diff(this.from, this.to));
      if (key !== this.#asked) return;
      this.compared = compared;
      await compared.prove();
    } catch (thrown) {
      if (key === this.#asked) this.error = asTesError(thrown);
      registry.failed(thrown, "a comparison of two sizes");
    }
  }
}
define("tes-comparison", Comparison);
