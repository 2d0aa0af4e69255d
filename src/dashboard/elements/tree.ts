/** The entities with their cascade as a tree, each with its version and what this browser found of it. */

import { css, html, nothing, type PropertyValues } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { addressOf } from "../model/route.ts";
import { type Line, linesOf } from "../model/tree.ts";
import { count, plural } from "../model/words.ts";
import "./badge.ts";
import { ABOUT, define, Panel } from "./panel.ts";
import { Window } from "./window.ts";

const ROW_PX = 34;
const INDENT_PX = 16;

export class Tree extends Panel {
  static override properties = { ...Panel.properties, chosen: {}, filter: { state: true }, active: { state: true } };
  declare chosen: string | undefined;
  declare filter: string;
  /** Id of the line that the keyboard is on. */
  declare active: string | undefined;

  readonly #window = new Window(this, ".lines", ROW_PX);
  #closed: ReadonlySet<string> = new Set();
  #lines: readonly Line[] = [];
  #from: unknown[] = [];

  constructor() {
    super();
    this.filter = "";
  }

  static override styles = [
    ...Panel.styles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
        height: 100%;
      }
      .search {
        padding: var(--s12) var(--s12) var(--s8);
      }
      input {
        min-height: 32px;
        font-size: var(--t13);
      }
      .lines {
        flex: 1;
        min-height: 0;
        overflow-y: auto;
        outline-offset: -2px;
      }
      .room {
        position: relative;
      }
      .line {
        position: absolute;
        left: 0;
        right: 0;
        display: grid;
        grid-template-columns: 18px minmax(0, 1fr) auto 18px;
        align-items: center;
        gap: var(--s4);
        height: 34px;
        padding-right: var(--s12);
        font-size: var(--t13);
        cursor: pointer;
        border-left: 2px solid transparent;
      }
      .line:hover {
        background: var(--accent-wash);
      }
      .line.chosen {
        background: var(--accent-wash);
        border-left-color: var(--accent);
      }
      .lines:focus-visible .line.active {
        box-shadow: inset 0 0 0 1px var(--accent);
      }
      .turn {
        display: grid;
        place-items: center;
        width: 18px;
        height: 34px;
        color: var(--muted);
      }
      .turn svg {
        width: 10px;
        height: 10px;
        fill: none;
        stroke: currentColor;
        stroke-width: 1.8;
        transition: transform var(--quick);
      }
      .open .turn svg {
        transform: rotate(90deg);
      }
      .id {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .id span {
        color: var(--muted);
      }
      .version {
        color: var(--muted);
        font-family: var(--mono);
        font-size: var(--t12);
        font-variant-numeric: tabular-nums;
        max-width: 120px;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .chosen .version {
        color: var(--text);
      }
      .retired .id,
      .retired .version {
        color: var(--muted);
        text-decoration: line-through;
      }
      .foot a {
        display: none;
      }
      @media (max-width: 700px) {
        .foot a {
          display: inline;
        }
      }
      .foot {
        display: flex;
        justify-content: space-between;
        padding: var(--s8) var(--s12);
        border-top: 1px solid var(--line);
        color: var(--muted);
        font-size: var(--t12);
      }
      tes-badge {
        justify-self: end;
      }
    `,
  ];

  override willUpdate(): void {
    const from = [this.registry.entities, this.filter, this.#closed];
    if (from.every((value, index) => value === this.#from[index])) return;
    this.#from = from;
    this.#lines = linesOf(this.registry.entities.values(), {
      closed: this.#closed,
      filter: this.filter,
      retired: true,
    });
  }

  override render() {
    const { first, end } = this.#window.range(this.#lines.length);
    const shown = this.#lines.slice(first, end);
    const active = this.active ?? this.chosen;
    const activeIndex = this.#lines.findIndex(({ entity }) => entity.entity === active);
    return html`
      <div class="search">
        <label class="hidden-label" for="find">Filter entities</label>
        <input id="find" type="search" placeholder="Filter entities" autocomplete="off" spellcheck="false" .value=${this.filter} @input=${this.#filtered} @keydown=${this.#fromFilter} />
      </div>
      <div class="lines" role="tree" tabindex="0" aria-label="Entities" aria-activedescendant=${activeIndex >= first && activeIndex < end ? `line-${activeIndex}` : nothing} @keydown=${this.#keyed}>
        <div class="room" role="presentation" .style=${`height:${this.#lines.length * ROW_PX}px`}>
          ${repeat(
            shown,
            ({ entity }) => entity.entity,
            (line, index) => this.#line(line, first + index, active),
          )}
        </div>
      </div>
      <div class="foot"><span aria-live="polite">${
        this.filter === ""
          ? plural(this.registry.entities.size, "entity", "entities")
          : html`${count(this.#lines.length)} of ${count(this.registry.entities.size)} shown`
      }</span><a href=${addressOf(this.registry.name, "entities", ABOUT)}>About this registry</a></div>
    `;
  }

  #line({ entity, depth, children, open }: Line, index: number, active: string | undefined) {
    const { entity: id, version } = entity;
    const colon = id.indexOf(":");
    const verdict = this.registry.verdictOf(entity);
    const classes = [
      "line",
      open && children > 0 ? "open" : "",
      id === this.chosen ? "chosen" : "",
      id === active ? "active" : "",
      entity.retired === true ? "retired" : "",
    ].join(" ");
    return html`<div id="line-${index}" class=${classes} role="treeitem" aria-level=${depth + 1} aria-selected=${id === this.chosen} aria-expanded=${children > 0 ? open : nothing} .style=${`top:${index * ROW_PX}px;padding-left:${depth * INDENT_PX + 4}px`} @click=${() => this.#choose(id)}>
      <span class="turn" aria-hidden="true" @click=${(event: Event) => this.#turn(event, id, children)}>${
        children > 0 ? html`<svg viewBox="0 0 10 10"><path d="m3 1.5 4 3.5-4 3.5" /></svg>` : nothing
      }</span>
      <span class="id" title=${id}><span>${id.slice(0, colon + 1)}</span>${id.slice(colon + 1)}</span>
      <span class="version" title=${version}>${version}</span>
      <tes-badge bare standing=${verdict.standing}></tes-badge>
    </div>`;
  }

  override updated(changed: PropertyValues<this>): void {
    const { first, end } = this.#window.range(this.#lines.length);
    // The last one wanted is asked for first: so from the bottom up.
    for (const { entity } of this.#lines.slice(first, end).toReversed()) this.registry.proofs.want(entity.seq);
    if (changed.has("chosen") && this.chosen !== undefined) {
      this.active = undefined;
      const index = this.#lines.findIndex(({ entity }) => entity.entity === this.chosen);
      if (index >= 0) this.#window.reveal(index);
    }
  }

  readonly #filtered = (event: Event): void => {
    this.filter = (event.target as HTMLInputElement).value;
  };

  readonly #fromFilter = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    this.renderRoot.querySelector<HTMLElement>(".lines")?.focus();
  };

  #turn(event: Event, id: string, children: number): void {
    if (children === 0) return;
    event.stopPropagation();
    this.#toggle(id);
  }

  #toggle(id: string): void {
    const closed = new Set(this.#closed);
    if (!closed.delete(id)) closed.add(id);
    this.#closed = closed;
    this.requestUpdate();
  }

  #choose(id: string): void {
    this.active = id;
    location.hash = addressOf(this.registry.name, "entities", id);
  }

  /** The keys of the tree pattern (WAI-ARIA Authoring Practices). */
  readonly #keyed = (event: KeyboardEvent): void => {
    const at = this.#lines.findIndex(({ entity }) => entity.entity === (this.active ?? this.chosen));
    const line = this.#lines[at];
    const go = (index: number): void => {
      const next = Math.max(0, Math.min(this.#lines.length - 1, index));
      this.active = this.#lines[next]?.entity.entity;
      this.#window.reveal(next);
    };
    switch (event.key) {
      case "ArrowDown":
        go(at + 1);
        break;
      case "ArrowUp":
        go(at - 1);
        break;
      case "Home":
        go(0);
        break;
      case "End":
        go(this.#lines.length - 1);
        break;
      case "ArrowRight":
        if (line === undefined) return;
        if (line.children > 0 && !line.open) this.#toggle(line.entity.entity);
        else go(at + 1);
        break;
      case "ArrowLeft":
        if (line === undefined) return;
        if (line.children > 0 && line.open && this.filter === "") this.#toggle(line.entity.entity);
        else go(this.#lines.findIndex(({ entity }) => entity.entity === line.entity.parent));
        break;
      case "Enter":
      case " ":
        if (line === undefined) return;
        this.#choose(line.entity.entity);
        break;
      default:
        return;
    }
    event.preventDefault();
  };
}
define("tes-tree", Tree);
