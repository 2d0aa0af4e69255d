/** In place of a registry that cannot be shown: what was found, what it means, and what to do next. */

import { css, html, nothing } from "lit";
import type { TesError } from "../../client/index.ts";
import { pinSource } from "../model/pins.ts";
import { detailOf, explain, findingOf, remedyOf, type Standing } from "../model/verdict.ts";
import "./badge.ts";
import { reachOf } from "./command.ts";
import "./digest.ts";
import { forgetOnPurpose } from "./forget.ts";
import { define, Panel } from "./panel.ts";

/** What comes of a memory that the authority does not fit. */
const REMEMBERED: ReadonlySet<string> = new Set(["genesis_mismatch", "checkpoint_stale", "checkpoint_inconsistent"]);

const SHOWN: Readonly<Record<string, readonly [Standing, string]>> = {
  refused: ["refused", "Refused by this browser"],
  outage: ["outage", "Out of reach"],
};

export class Failure extends Panel {
  static override properties = { ...Panel.properties, pinKey: {} };
  declare pinKey: string;

  static override styles = [
    ...Panel.styles,
    css`
      .page {
        padding-top: var(--s48);
      }
    `,
  ];

  override render() {
    const { failure: error, name } = this.registry;
    if (error === undefined) return nothing;
    const finding = findingOf(error);
    const absent = error.facts?.claim === "registry_unknown";
    const closed = finding === "sign-in" || error.code === "forbidden";
    const hashes = this.#hashes(error);
    const title = closed
      ? "This registry is read by holders of a token."
      : absent
        ? `There is no registry named ${name} here, as far as anyone can tell you.`
        : hashes?.byLink === true
          ? "A link named another registry than the one that answers here."
          : explain(error);
    const [standing, word] = SHOWN[finding] ?? ["unchecked", "Not shown"];
    const next = closed ? "Sign in with one that has the scope read." : absent ? "" : remedyOf(error);
    const again = html`<div class="row"><button type="button" @click=${() => void this.registry.open()}>Ask again</button></div>`;
    return html`<div class="page">
      <tes-badge standing=${standing} word=${word}></tes-badge>
      <h1 class="break">${title}</h1>
      <p class="lede">${detailOf(error)} ${next}</p>
      ${
        hashes === undefined
          ? nothing
          : html`<dl class="facts">${hashes.both.map(
              ([name, hash]) =>
                html`<dt>${name}</dt><dd><tes-digest whole value=${hash} label=${name}></tes-digest></dd>`,
            )}</dl>
            ${hashes.byLink ? html`<p class="small">Nothing was known here of ${name} before that link was opened. Ask whoever sent it, and whoever runs this authority, which genesis is the right one.</p>` : nothing}`
      }
      ${
        closed
          ? html`<div class="row"><button type="button" class="primary" @click=${() => this.tellPage("sign-in", {})}>Sign in</button></div>`
          : finding === "refused"
            ? html`<tes-command text="tes verify ${reachOf(name)}"></tes-command>
                <p class="muted small">Finding: <code>${error.code}</code>.</p>
                ${REMEMBERED.has(error.code) ? this.#memory() : again}`
            : html`${absent ? html`<p>Whoever holds the key opens one:</p><tes-command text=${name === "default" ? "tes init" : `tes registry create ${name}`}></tes-command>` : nothing}${again}`
      }
    </div>`;
  }

  /** The two hashes of which one had to be the other, and who named the first. */
  #hashes({ code, facts }: TesError): { readonly byLink: boolean; readonly both: [string, string][] } | undefined {
    if (code !== "genesis_mismatch" || facts === undefined) return undefined;
    const { pinned, found, remembered, given } = facts;
    if (remembered !== undefined && given !== undefined) {
      const both: [string, string][] = [
        ["Genesis that this browser knows", String(remembered)],
        ["Genesis that the link names", String(given)],
      ];
      return { byLink: false, both };
    }
    if (pinned === undefined || found === undefined) return undefined;
    const byLink = pinSource(localStorage, this.pinKey) === "address";
    const both: [string, string][] = [
      [byLink ? "Genesis that a link named" : "Genesis that this browser knows", String(pinned)],
      ["Genesis that this authority shows", String(found)],
    ];
    return { byLink, both };
  }

  #memory() {
    return html`<p class="small">If you know why it changed, what this browser remembers can be dropped on purpose.</p>
      <div class="row"><button type="button" @click=${() => forgetOnPurpose(this.pinKey)}>Forget what this browser remembers of ${this.registry.name}</button></div>`;
  }
}
define("tes-failure", Failure);
