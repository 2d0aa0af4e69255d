/** The evidence for one line of a comparison: what made each side so, and that both are sides of one log. */

import { css, html, nothing, type TemplateResult } from "lit";
import type { Changed, Compared, Side } from "../model/comparison.ts";
import { detailOf, explain, type Standing } from "../model/verdict.ts";
import { count, moment, say } from "../model/words.ts";
import "./badge.ts";
import { reachOf } from "./command.ts";
import "./digest.ts";
import { define, Panel } from "./panel.ts";

const WORDS: Readonly<Record<Standing, string>> = {
  proven: "Holds",
  refused: "Does not hold",
  checking: "Checking",
  unchecked: "Not checked",
  outage: "Out of reach",
};

export class Change extends Panel {
  static override properties = { ...Panel.properties, compared: { attribute: false }, change: { attribute: false } };
  declare compared: Compared;
  declare change: Changed;

  static override styles = [
    ...Panel.styles,
    css`
      :host {
        font-size: var(--t13);
      }
      h3 {
        font-size: var(--t13);
        font-weight: 600;
        line-height: 1.6;
      }
      .entity {
        margin-bottom: var(--s16);
        font-family: var(--mono);
      }
      li {
        display: grid;
        grid-template-columns: 20px minmax(0, 1fr);
        gap: var(--s12);
        padding-bottom: var(--s24);
      }
      li > tes-badge {
        align-self: start;
        margin-top: 1px;
        font-size: 17px;
      }
      .what {
        color: var(--muted);
      }
      .what p + p {
        margin-top: var(--s4);
      }
      .what button {
        display: inline;
        min-height: 0;
        padding: 0;
        text-decoration: underline;
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
    `,
  ];

  override render() {
    const { compared, change, registry } = this;
    const { from, to } = compared.diff;
    const { before, after } = compared.row(change);
    const shown = [before.by, after.by].filter((seq) => seq !== undefined);
    return html`<p class="entity break">${change.entity}</p>
      <ol>
        ${this.#side(from, before)} ${this.#side(to, after)}
        ${this.#step(compared.ground, "One log", this.#ground())}
      </ol>
      <section class="elsewhere">
        <h2>Check it elsewhere</h2>
        <tes-command text=${[
          `tes log diff ${from} ${to} ${reachOf(registry.name, registry.trust?.genesis)}`,
          ...shown.map((seq) => `tes log show ${seq} ${reachOf(registry.name)} > statement-${seq}.json`),
          ...shown.map((seq) => `tes verify statement-${seq}.json ${reachOf(registry.name)}`),
        ].join("\n")}></tes-command>
        <p class="limits">That no statement between these and the two sizes changed it again is what the authority signs in its answer. Read the whole log here (History) to prove that too.</p>
      </section>`;
  }

  #side(size: number, { view, standing, error, by, statement }: Side) {
    const title = `At size ${count(size)}`;
    if (view === undefined) {
      if (error !== undefined) return this.#step(standing, title, html`<p>${detailOf(error)}</p>`);
      return this.#step(
        "unchecked",
        title,
        html`<p>It was not there yet. So the authority signs; no one statement proves that something is absent. Reading the whole log here (History) does.</p>`,
      );
    }
    const said = statement === undefined ? undefined : say(statement, statement.type);
    return this.#step(
      standing,
      title,
      html`<p>Version <code>${view.version}</code>${view.retired === true ? `, retired by statement ${count(view.seq)}` : nothing}</p>
        ${
          by === undefined
            ? nothing
            : html`<p>${standing === "proven" ? "Given by" : "Said to be given by"}
                <button type="button" class="plain" @click=${() => this.tellPage("evidence", { kind: "statement", seq: by })}>statement ${count(by)}</button>${
                  said === undefined || statement === undefined
                    ? nothing
                    : html`: ${said.about} ${said.text} <code>${said.code ?? ""}</code> ${said.more ?? ""}, ${moment(statement.at)}`
                }. ${standing === "proven" ? html`Its leaf is number ${count(by)} of the log: below ${count(size)}, so it is in the log of that size.` : nothing}</p>`
        }
        ${error === undefined ? nothing : html`<p><b>${explain(error)}</b> ${detailOf(error)}</p>`}`,
    );
  }

  #ground() {
    const { grounds, error } = this.compared;
    if (error !== undefined) return html`<p>${explain(error)} ${detailOf(error)}</p>`;
    if (grounds === undefined) return html`<p>Finding the roots at both sizes…</p>`;
    return html`${grounds.map(
      ({ size, root, head }) =>
        html`<p>Size ${count(size)} has the root <tes-digest value=${root} label="root at size ${count(size)}"></tes-digest>${
          size === head
            ? ", signed by the log key."
            : size === 0
              ? ": that of an empty log."
              : html`: what stands on the left of the way from <button type="button" class="plain" @click=${() => this.tellPage("evidence", { kind: "statement", seq: size })}>statement ${count(size)}</button> to the signed head of ${count(head)}.`
        }</p>`,
    )}
      <p>Both were computed here, below signed heads that extend each other: so the log of ${count(grounds[1].size)} begins with that of ${count(grounds[0].size)}.</p>`;
  }

  #step(standing: Standing, title: string, body: TemplateResult) {
    return html`<li>
      <tes-badge bare standing=${standing} word=${WORDS[standing]}></tes-badge>
      <div><h3>${title}</h3><div class="what">${body}</div></div>
    </li>`;
  }
}
define("tes-change", Change);
