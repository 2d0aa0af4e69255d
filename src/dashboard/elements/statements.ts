/** Statements of the log as lines, newest first: what each did, when, and that it was proved here. */

import { css, html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Watched } from "../../client/index.ts";
import { hues } from "../look/hues.ts";
import { ago, channelOf, count, moment, say, short } from "../model/words.ts";
import "./badge.ts";
import { define, Panel } from "./panel.ts";

export class Statements extends Panel {
  static override properties = { ...Panel.properties, statements: { attribute: false } };
  declare statements: readonly Watched[];
  #newest: number | undefined;

  static override styles = [
    ...Panel.styles,
    hues,
    css`
      li {
        border-bottom: 1px solid var(--line-soft);
      }
      button {
        display: grid;
        grid-template-columns: 8px max-content minmax(0, 1fr) auto 20px;
        align-items: center;
        gap: var(--s12);
        width: 100%;
        min-height: 44px;
        padding: var(--s4) var(--s4);
        border: 0;
        border-radius: 0;
        background: none;
        font-weight: 400;
        line-height: 1.4;
        text-align: left;
        white-space: normal;
      }
      button:hover:not(:disabled) {
        background: var(--accent-wash);
      }
      .seq {
        color: var(--muted);
        font-family: var(--mono);
        font-variant-numeric: tabular-nums;
        min-width: 4ch;
      }
      .what {
        overflow-wrap: anywhere;
      }
      .what {
        color: var(--muted);
      }
      .what b {
        color: var(--text);
        font-weight: 400;
      }
      .what code {
        color: var(--text);
      }
      .when {
        color: var(--muted);
        text-align: right;
      }
      .fresh {
        animation: arrive 150ms ease-out;
      }
      @keyframes arrive {
        from {
          opacity: 0;
          transform: translateY(-12px);
        }
      }
      @media (max-width: 700px) {
        button {
          grid-template-columns: 8px minmax(0, 1fr) 20px;
        }
        .seq {
          display: none;
        }
        .when {
          grid-column: 2;
          grid-row: 2;
          text-align: left;
        }
        tes-badge {
          grid-column: 3;
          grid-row: 1;
        }
      }
    `,
  ];

  override render() {
    const fresh = this.#newest;
    this.#newest = this.statements[0]?.index;
    const now = this.registry.now();
    return html`<ul>
      ${repeat(
        this.statements,
        ({ index }) => index,
        (one) => this.#line(one, now, fresh !== undefined && one.index > fresh),
      )}
    </ul>`;
  }

  #line({ index, json, statement }: Watched, now: number, fresh: boolean) {
    const type = String(json.type);
    const { about, text, code, more } = say(statement, type);
    const at = typeof json.at === "number" ? json.at : 0;
    return html`<li class=${fresh ? "fresh" : ""}>
      <button type="button" @click=${() => this.tellPage("evidence", { kind: "statement", seq: index })}>
        <span class="hue ${channelOf(type)}" aria-hidden="true"></span>
        <span class="seq">${count(index)}</span>
        <span class="what"><b>${about}</b> ${text} <code>${code ?? ""}</code>${more === undefined ? nothing : html` <span class="muted">${more}</span>`}</span>
        <span class="when" title="${moment(at)} by ${short(String(json.by))}">${ago(at, now)}</span>
        <tes-badge bare standing=${this.registry.proofs.of(index).standing}></tes-badge>
      </button>
    </li>`;
  }
}
define("tes-statements", Statements);
