/** One entity: its version large, what moves with it, its last statements, its actions. */

import { css, html, nothing, type PropertyValues } from "lit";
import type { EntityView, HistoryEntry, TesError } from "../../client/index.ts";
import { isEntityId } from "../../protocol/ids.ts";
import { addressOf } from "../model/route.ts";
import { branchesOf, cascadeOf } from "../model/tree.ts";
import { asTesError, explain, tell } from "../model/verdict.ts";
import { ago, count, moment, plural, short, visible } from "../model/words.ts";
import "./badge.ts";
import { inRegistry } from "./command.ts";
import "./published.ts";
import "./reason.ts";
import { define, Panel } from "./panel.ts";

const PAGE = 20;
/** The tree beside it shows them all, however many. */
const MAX_CASCADE = 200;

/** What a bump of its parent does to an entity, by its strategy. */
const MOVES: Readonly<Record<string, string>> = {
  independent: "stays when its parent moves",
  linked: "takes the same step as its parent",
  lockstep: "takes its parent's version",
};

export class Entity extends Panel {
  static override properties = {
    ...Panel.properties,
    chosen: {},
    entries: { state: true },
    older: { state: true },
    error: { state: true },
  };
  declare chosen: string;
  declare entries: readonly HistoryEntry[] | undefined;
  declare older: string | null;
  declare error: TesError | undefined;
  #asked: string | undefined;

  static override styles = [
    ...Panel.styles,
    css`
      .crumbs {
        color: var(--muted);
        font-size: var(--t13);
      }
      h1 {
        overflow-wrap: anywhere;
      }
      h1 span {
        color: var(--muted);
        font-weight: 400;
      }
      .version {
        margin-top: var(--s8);
        font: 500 var(--t32) / 1.15 var(--mono);
        font-variant-numeric: tabular-nums;
        letter-spacing: -0.02em;
        overflow-wrap: anywhere;
      }
      .standing {
        margin-top: var(--s4);
      }
      .standing button {
        margin-left: calc(-1 * var(--s12));
      }
      .cascade {
        margin-top: var(--s8);
      }
      .cascade li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) fit-content(50%) 20px;
        align-items: center;
        gap: var(--s12);
        min-height: 36px;
        border-bottom: 1px solid var(--line-soft);
        font-size: var(--t13);
      }
      .cascade .stays {
        color: var(--muted);
      }
      .cascade li > span {
        display: flex;
        align-items: center;
        align-self: stretch;
        min-width: 0;
      }
      .named {
        padding: var(--s4) 0;
      }
      .all {
        display: none;
      }
      .branch {
        position: relative;
        flex: none;
        align-self: stretch;
        width: 22px;
      }
      .branch::before {
        content: "";
        position: absolute;
        left: 7px;
        top: 0;
        bottom: 0;
        border-left: 1.5px solid var(--line);
      }
      .branch.none::before {
        display: none;
      }
      .branch.turn::before {
        bottom: 50%;
      }
      .branch.last::after,
      .branch.turn::after {
        content: "";
        position: absolute;
        left: 7px;
        top: 50%;
        width: 11px;
        border-top: 1.5px solid var(--line);
      }
      .moves .branch.last::after,
      .moves .branch.turn::after {
        border-color: var(--accent);
      }
      .stays .branch.last::after,
      .stays .branch.turn::after {
        border-top-style: dashed;
      }
      .cascade .how {
        margin-left: var(--s8);
        color: var(--muted);
        font-size: var(--t12);
      }
      .history button {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr) auto 20px;
        align-items: center;
        gap: var(--s12);
        width: 100%;
        min-height: 44px;
        padding: var(--s4);
        border: 0;
        border-bottom: 1px solid var(--line-soft);
        border-radius: 0;
        background: none;
        font-weight: 400;
        line-height: 1.4;
        text-align: left;
        white-space: normal;
      }
      .history button:hover {
        background: var(--accent-wash);
      }
      /* A version may be as long as anyone likes. */
      .history .what,
      .cascade code {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      .held {
        overflow: hidden;
      }
      .seq {
        color: var(--muted);
        font-family: var(--mono);
        font-variant-numeric: tabular-nums;
        min-width: 4ch;
      }
      @media (max-width: 700px) {
        .history button {
          grid-template-columns: minmax(0, 1fr) 20px;
        }
        .seq {
          display: none;
        }
        .when {
          grid-row: 2;
        }
        .all {
          display: inline;
        }
        .cascade .how {
          display: block;
          margin-left: 0;
        }
      }
    `,
  ];

  override willUpdate(): void {
    const entity = this.registry.entities.get(this.chosen);
    const key = `${this.chosen} ${entity?.seq}`;
    if (entity === undefined || key === this.#asked) return;
    if (!this.#asked?.startsWith(`${this.chosen} `)) this.entries = undefined;
    this.#asked = key;
    void this.#load(undefined);
  }

  override updated(_: PropertyValues<this>): void {
    const entity = this.registry.entities.get(this.chosen);
    if (entity === undefined) return;
    for (const { seq } of (this.entries ?? []).toReversed()) this.registry.proofs.want(seq);
    for (const below of cascadeOf(this.registry.entities.values(), this.chosen).slice(0, PAGE)) {
      this.registry.proofs.want(below.entity.seq);
    }
    this.registry.proofs.want(entity.seq);
  }

  override render() {
    const entity = this.registry.entities.get(this.chosen);
    if (entity === undefined) {
      return html`<div class="empty">
        <p>${isEntityId(this.chosen) ? html`This registry has no entity named <b class="break">${this.chosen}</b>.` : "The address names no entity: none has such a name."}</p>
        <code>tes entity list${inRegistry(this.registry.name)}</code>
      </div>`;
    }
    const colon = entity.entity.indexOf(":");
    return html`<div class="page">
      <header>
        <p class="crumbs"><a class="all" href=${addressOf(this.registry.name, "entities")}>All entities</a><span class="all" aria-hidden="true"> / </span>${this.#crumbs(entity)}</p>
        <h1><span>${entity.entity.slice(0, colon + 1)}</span>${entity.entity.slice(colon + 1)}</h1>
        <p class="version">${entity.version}</p>
        ${this.#standing(entity)}
      </header>
      ${this.#actions(entity)} ${this.#facts(entity)} ${this.#cascade(entity)}
      <section>
        <h2>Statements</h2>
        ${this.#history()}
      </section>
      <tes-published .registry=${this.registry} .tick=${this.tick} .chosen=${entity.entity}></tes-published>
    </div>`;
  }

  #crumbs(entity: EntityView) {
    const above: EntityView[] = [];
    const seen = new Set([entity.entity]);
    for (let up = entity.parent; up !== null && !seen.has(up); ) {
      seen.add(up);
      const parent = this.registry.entities.get(up);
      if (parent === undefined) break;
      above.unshift(parent);
      up = parent.parent;
    }
    return above.map(
      ({ entity: id }) =>
        html`<a href=${addressOf(this.registry.name, "entities", id)}>${id}</a><span aria-hidden="true"> / </span>`,
    );
  }

  #standing(entity: EntityView) {
    const verdict = this.registry.verdictOf(entity);
    const at = verdict.at === undefined ? "" : ` ${ago(verdict.at, this.registry.now())}`;
    const word = {
      proven: `Proven here${at}`,
      refused: "Refused by this browser",
      checking: "Checking its proof",
      unchecked: "Not checked yet",
      outage: "Out of reach",
    }[verdict.standing];
    return html`<p class="standing">
      <button type="button" class="plain" @click=${() => this.tellPage("evidence", { kind: "statement", seq: entity.seq, entity: entity.entity })}>
        <tes-badge standing=${verdict.standing} word=${word}></tes-badge><span class="muted">· show the evidence</span>
      </button>
    </p>
    ${
      verdict.standing === "refused"
        ? html`<p class="note refused">${
            verdict.error === undefined
              ? "The log's own statement gives it another version than the answer did. Do not use this version."
              : explain(verdict.error)
          }</p>`
        : nothing
    }`;
  }

  #actions(entity: EntityView) {
    if (entity.retired === true)
      return html`<p class="note warn">Retired: it keeps this version and takes no other.</p>`;
    if (entity.strategy === "lockstep" && entity.parent !== null) {
      return html`<p class="note">It follows its parent's version. Bump
        <a href=${addressOf(this.registry.name, "entities", entity.parent)}>${entity.parent}</a> instead.</p>`;
    }
    const bump = (scope: string) => () => this.tellPage("bump", { entity: entity.entity, scope });
    return html`<div class="row">
      <button type="button" class="primary" @click=${bump("patch")}>Bump…</button>
      <button type="button" @click=${bump("minor")}>minor…</button>
      <button type="button" @click=${bump("major")}>major…</button>
      <span class="muted small">Nothing is written before you have seen the plan.</span>
    </div>`;
  }

  #facts(entity: EntityView) {
    const { strategy, files, metadata, parent, seq, at } = entity;
    return html`<dl class="facts">
      <dt>Strategy</dt>
      <dd>${strategy}${parent === null ? "" : html`, <span class="muted">${MOVES[strategy]}</span>`}</dd>
      <dt>Last statement</dt>
      <dd>${count(seq)}, <time datetime=${new Date(at).toISOString()}>${moment(at)}</time></dd>
      ${
        files.length === 0
          ? nothing
          : html`<dt>${files.length === 1 ? "File" : "Files"}</dt>
              <dd>${files.map(({ path, pattern }) => html`<div class="mono break" title=${visible(pattern ?? "")}>${visible(path)}</div>`)}</dd>`
      }
      ${Object.entries(metadata ?? {}).map(
        ([name, value]) => html`<dt class="foreign">${visible(name)}</dt>
          <dd class="break held">${visible(value)}</dd>`,
      )}
    </dl>`;
  }

  #cascade(entity: EntityView) {
    const below = cascadeOf(this.registry.entities.values(), entity.entity);
    if (below.length === 0) return nothing;
    return html`<section>
      <h2>Its cascade: ${plural(below.length, "entity", "entities")} below it</h2>
      <ul class="cascade">
        ${branchesOf(below.slice(0, MAX_CASCADE)).map(
          ({ entity: one, branches }) => html`<li class=${one.strategy === "independent" ? "stays" : "moves"}>
            <span>${branches.map((branch) => html`<i class="branch ${branch}" aria-hidden="true"></i>`)}<span class="named"><a class="break" href=${addressOf(this.registry.name, "entities", one.entity)}>${one.entity}</a><span class="how">${MOVES[one.strategy]}</span></span></span>
            <code>${one.version}</code>
            <tes-badge bare standing=${this.registry.verdictOf(one).standing}></tes-badge>
          </li>`,
        )}
      </ul>
      ${below.length > MAX_CASCADE ? html`<p class="muted small">and ${count(below.length - MAX_CASCADE)} more: find them in the tree.</p>` : nothing}
    </section>`;
  }

  #history() {
    if (this.error !== undefined) return html`<p class="note refused">${tell(this.error)}</p>`;
    if (this.entries === undefined) return html`<p class="muted small" aria-busy="true">Reading what touched it…</p>`;
    const now = this.registry.now();
    return html`<div class="history">
        ${this.entries.map(
          (
            entry,
          ) => html`<button type="button" @click=${() => this.tellPage("evidence", { kind: "statement", seq: entry.seq, entity: this.chosen })}>
            <span class="seq">${count(entry.seq)}</span>
            <span class="what">${
              entry.type === "version.bumped"
                ? html`<code>${entry.from} → ${entry.version}</code> <span class="muted">${entry.scope}${
                    entry.asked === this.chosen ? "" : html`, asked of ${entry.asked}`
                  }</span>`
                : html`${entry.type.split(".").at(-1)} <code>${entry.version}</code>`
            }${entry.reason === undefined ? nothing : html`<tes-reason brief .registry=${this.registry} digest=${entry.reason.digest}></tes-reason>`}</span>
            <span class="when muted" title="${moment(entry.at)} by ${short(entry.by)}">${ago(entry.at, now)}</span>
            <tes-badge bare standing=${this.registry.proofs.of(entry.seq).standing}></tes-badge>
          </button>`,
        )}
      </div>
      ${
        this.older === null
          ? nothing
          : html`<p class="row"><button type="button" class="plain" @click=${() => void this.#load(this.older ?? undefined)}>Older statements</button></p>`
      }`;
  }

  async #load(cursor: string | undefined): Promise<void> {
    const { chosen } = this;
    try {
      const page = await this.registry.client.history(chosen, { limit: PAGE, cursor });
      if (chosen !== this.chosen) return;
      this.entries = cursor === undefined ? page.entries : [...(this.entries ?? []), ...page.entries];
      this.older = page.next;
      this.error = undefined;
    } catch (thrown) {
      this.error = asTesError(thrown);
      this.#asked = undefined;
      this.registry.failed(thrown, `the history of ${chosen}`);
    }
  }
}
define("tes-entity", Entity);
