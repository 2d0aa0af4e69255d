/** Find or do: one field over everything that can be opened or done. */

import { css, html, nothing } from "lit";
import { dialog } from "../look/dialog.ts";
import { addressOf, TABS } from "../model/route.ts";
import { define, Panel } from "./panel.ts";

export interface Action {
  readonly name: string;
  readonly hint?: string;
  readonly run: () => void;
}

const MAX_SHOWN = 12;

export class Palette extends Panel {
  static override properties = {
    ...Panel.properties,
    query: { state: true },
    at: { state: true },
    extra: { attribute: false },
  };
  declare query: string;
  declare at: number;
  /** What the page adds: signing in, the theme. */
  declare extra: readonly Action[];

  constructor() {
    super();
    this.query = "";
    this.at = 0;
    this.extra = [];
  }

  static override styles = [
    ...Panel.styles,
    dialog,
    css`
      dialog {
        margin-top: 12vh;
        overflow: hidden;
      }
      input {
        min-height: 52px;
        padding: 0 var(--s24);
        border: 0;
        border-bottom: 1px solid var(--line);
        border-radius: 0;
        background: transparent;
        font-size: var(--t18);
      }
      input:focus-visible {
        outline: none;
        border-color: var(--accent);
      }
      ul {
        padding: var(--s8);
        max-height: 50vh;
        overflow: auto;
      }
      li {
        display: flex;
        justify-content: space-between;
        gap: var(--s16);
        padding: var(--s8) var(--s16);
        border-radius: var(--r6);
        cursor: pointer;
        overflow-wrap: anywhere;
      }
      li.on {
        background: var(--accent-wash);
        box-shadow: inset 2px 0 0 var(--accent);
      }
      li span {
        color: var(--muted);
        font-size: var(--t13);
        white-space: nowrap;
      }
      .none {
        padding: var(--s16) var(--s24);
      }
    `,
  ];

  open(): void {
    this.query = "";
    this.at = 0;
    const box = this.renderRoot.querySelector("dialog");
    if (box?.open === false) box.showModal();
    this.renderRoot.querySelector("input")?.focus();
  }

  override render() {
    const found = this.#find();
    return html`<dialog aria-label="Find or do">
      <label class="hidden-label" for="query">Find or do</label>
      <input id="query" role="combobox" aria-expanded="true" aria-controls="found" aria-autocomplete="list" aria-activedescendant=${found.length > 0 ? `action-${this.at}` : nothing} placeholder="Find an entity, open a page, do something" autocomplete="off" spellcheck="false" .value=${this.query} @input=${this.#typed} @keydown=${this.#keyed} />
      ${
        found.length === 0
          ? html`<p class="none muted" role="status">Nothing has that ${this.#number === undefined ? "name" : "number"}.</p>`
          : html`<ul id="found" role="listbox" aria-label="Found">
              ${found.map(
                ({ name, hint }, index) =>
                  html`<li id="action-${index}" role="option" class=${index === this.at ? "on" : ""} aria-selected=${index === this.at} @click=${() => this.#run(index)} @pointermove=${() => {
                    this.at = index;
                  }}>${name}<span>${hint ?? ""}</span></li>`,
              )}
            </ul>`
      }
    </dialog>`;
  }

  #actions(): Action[] {
    const { registry } = this;
    const go = (address: string) => () => {
      location.hash = address;
    };
    const seq = this.#number;
    return [
      ...(seq !== undefined && seq < registry.size
        ? [
            {
              name: `Statement ${seq}`,
              hint: "evidence",
              run: () => this.tellPage("evidence", { kind: "statement", seq }),
            },
          ]
        : []),
      ...[...registry.entities.values()].map(({ entity, version }) => ({
        name: entity,
        hint: version,
        run: go(addressOf(registry.name, "entities", entity)),
      })),
      ...TABS.map((tab) => ({
        name: tab[0]!.toUpperCase() + tab.slice(1),
        hint: "page",
        run: go(addressOf(registry.name, tab)),
      })),
      { name: "What the pulse says", hint: "evidence", run: () => this.tellPage("evidence", { kind: "pulse" }) },
      ...this.extra,
      ...[...registry.entities.values()]
        .filter(({ strategy, parent, retired }) => retired !== true && !(strategy === "lockstep" && parent !== null))
        .map(({ entity }) => ({
          name: `Bump ${entity}`,
          hint: "plan first",
          run: () => this.tellPage("bump", { entity }),
        })),
    ];
  }

  /** The position that was typed, if it is one. */
  get #number(): number | undefined {
    const digits = /^#?(\d{1,15})$/.exec(this.query.trim())?.[1];
    return digits === undefined ? undefined : Number(digits);
  }

  #find(): Action[] {
    const words = this.query.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = ({ name }: Action): boolean => words.every((word) => name.toLowerCase().includes(word));
    const all = this.#actions();
    if (words.length === 0) return [...all.filter(({ hint }) => hint === "page"), ...this.extra].slice(0, MAX_SHOWN);
    // A number names a statement first, and whatever has it in its name.
    const named = `Statement ${this.#number}`;
    return all.filter((action) => action.name === named || fits(action)).slice(0, MAX_SHOWN);
  }

  readonly #typed = (event: Event): void => {
    this.query = (event.target as HTMLInputElement).value;
    this.at = 0;
  };

  readonly #keyed = (event: KeyboardEvent): void => {
    const { length } = this.#find();
    if (event.key === "ArrowDown") this.at = (this.at + 1) % Math.max(1, length);
    else if (event.key === "ArrowUp") this.at = (this.at - 1 + length) % Math.max(1, length);
    else if (event.key === "Enter") this.#run(this.at);
    else return;
    event.preventDefault();
  };

  #run(index: number): void {
    const action = this.#find()[index];
    this.renderRoot.querySelector("dialog")?.close();
    action?.run();
  }
}
define("tes-palette", Palette);
