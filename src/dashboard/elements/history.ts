/** The log: every statement, newest first; two positions compared; the whole of it read here. */

import { css, html, nothing } from "lit";
import type { TesError, Watched } from "../../client/index.ts";
import { hues } from "../look/hues.ts";
import { addressOf } from "../model/route.ts";
import { asTesError, tell } from "../model/verdict.ts";
import { ago, channelOf, count, moment, plural, say, short, visible } from "../model/words.ts";
import "./audit.ts";
import "./badge.ts";
import "./comparison.ts";
import { inRegistry } from "./command.ts";
import { define, Panel } from "./panel.ts";
import { Window } from "./window.ts";

const ROW_PX = 44;
/** Statements that are read at a time, over one socket. */
const PAGE = 100;
/** Pages that are kept; the ones that were seen last. */
const MAX_PAGES = 60;

export class History extends Panel {
  static override properties = {
    ...Panel.properties,
    error: { state: true },
  };
  declare error: TesError | undefined;
  readonly #window = new Window(this, ".lines", ROW_PX);
  readonly #pages = new Map<number, readonly Watched[] | "reading">();
  #of: unknown;

  static override styles = [
    ...Panel.styles,
    hues,
    css`
      :host {
        display: grid;
        grid-template-rows: auto minmax(0, 1fr);
        height: 100%;
      }
      .top {
        padding: var(--s24) var(--s24) var(--s16);
        border-bottom: 1px solid var(--line);
      }
      h1 {
        font-size: var(--t24);
        font-weight: 600;
        line-height: 1.25;
      }
      .tools {
        display: flex;
        flex-wrap: wrap;
        align-items: end;
        gap: var(--s12) var(--s24);
        margin-top: var(--s16);
      }
      .tools form {
        display: flex;
        align-items: end;
        gap: var(--s8);
      }
      .tools input {
        width: 108px;
        min-height: 32px;
        font: var(--t13) / 1 var(--mono);
      }
      .lines {
        min-height: 0;
        overflow-y: auto;
      }
      .room {
        position: relative;
      }
      .line {
        position: absolute;
        left: 0;
        right: 0;
        display: grid;
        grid-template-columns: 8px 9ch minmax(0, 1fr) auto auto 20px;
        align-items: center;
        gap: var(--s12);
        height: 44px;
        min-height: 0;
        padding: 0 var(--s24);
        border: 0;
        border-bottom: 1px solid var(--line-soft);
        border-radius: 0;
        background: none;
        font-size: var(--t13);
        font-weight: 400;
        text-align: left;
      }
      button.line:hover:not(:disabled) {
        background: var(--accent-wash);
      }
      .line:focus-visible {
        outline-offset: -2px;
      }
      .seq {
        color: var(--muted);
        font-family: var(--mono);
        font-variant-numeric: tabular-nums;
      }
      .what {
        overflow: hidden;
        line-height: 1.5;
        text-overflow: ellipsis;
        color: var(--muted);
      }
      .what b {
        color: var(--text);
        font-weight: 400;
      }
      .what code {
        color: var(--text);
      }
      .by {
        color: var(--muted);
        font-family: var(--mono);
        font-size: var(--t12);
      }
      .note {
        margin: var(--s16) var(--s24);
      }
      @media (max-width: 700px) {
        .top {
          padding: var(--s16);
        }
        .line {
          grid-template-columns: 8px minmax(0, 1fr) auto 20px;
          padding: 0 var(--s16);
        }
        .seq,
        .by {
          display: none;
        }
        /* Two lines have room, and what was done stands at the end. */
        .what {
          display: -webkit-box;
          -webkit-box-orient: vertical;
          -webkit-line-clamp: 2;
          line-clamp: 2;
          line-height: 1.4;
          overflow-wrap: anywhere;
          white-space: normal;
        }
      }
    `,
  ];

  override willUpdate(): void {
    if (this.#of !== this.registry) {
      this.#of = this.registry;
      this.#pages.clear();
    }
  }

  override render() {
    const { size, name } = this.registry;
    const [from, to] = this.#sizes;
    const comparing = from !== undefined;
    const lost = !comparing && this.rest.length > 0;
    return html`<div class="top">
        <div class="row spread">
          <h1>${comparing ? `From ${count(Number(from))} to ${count(Number(to))}` : lost ? "Nothing to show" : plural(size, "statement")}</h1>
          ${comparing || lost ? html`<a href=${addressOf(name, "history")}>Back to the log</a>` : nothing}
        </div>
        <div class="tools">
          <form @submit=${this.#jump}>
            <div><label for="seq">Position</label><input id="seq" name="seq" inputmode="numeric" pattern="[0-9]+" required autocomplete="off" /></div>
            <button type="submit">Go</button>
          </form>
          <form @submit=${this.#ask}>
            <div><label for="from">Compare size</label><input id="from" name="from" inputmode="numeric" pattern="[0-9]+" required autocomplete="off" .value=${from ?? String(Math.max(1, size - 10))} /></div>
            <div><label for="to">with size</label><input id="to" name="to" inputmode="numeric" pattern="[0-9]+" required autocomplete="off" .value=${to ?? String(size)} /></div>
            <button type="submit">Compare</button>
          </form>
          <tes-audit .registry=${this.registry} .tick=${this.tick}></tes-audit>
        </div>
      </div>
      ${
        comparing
          ? html`<tes-comparison .registry=${this.registry} .tick=${this.tick} .from=${Number(from)} .to=${Number(to)}></tes-comparison>`
          : lost
            ? this.#lost()
            : this.#log()
      }`;
  }

  /** The two sizes that the address names, the smaller one first; none where it names no two. */
  get #sizes(): readonly string[] {
    const [kind = "", ...sizes] = this.rest;
    const named = kind === "diff" && sizes.length === 2 && sizes.every((size) => /^\d{1,15}$/.test(size));
    return named ? sizes.toSorted((a, b) => Number(a) - Number(b)) : [];
  }

  /** Whatever the address was meant to name. */
  #lost() {
    const { size, name } = this.registry;
    return html`<div><div class="note warn" role="status">
      <p>The address names nothing of this log: <code class="break">${visible(["history", ...this.rest].join("/"))}</code></p>
      <p>Two sizes are compared at <code>history/diff/FROM/TO</code>, each a whole number from 0 to ${count(size)}, or with the fields above. <a href=${addressOf(name, "history")}>Back to the log</a></p>
    </div></div>`;
  }

  #log() {
    const { size, name } = this.registry;
    if (size === 0)
      return html`<div class="empty"><p>The log is empty. Its first statement opens the registry:</p><code>tes init${inRegistry(name)}</code></div>`;
    const { first, end } = this.#window.range(size);
    const lines = [];
    for (let line = first; line < end; line++) lines.push(this.#line(size - 1 - line, line));
    return html`<div class="lines" tabindex="0" role="region" aria-label="The log, newest first">
      ${this.error === undefined ? nothing : html`<p class="note warn">${tell(this.error)} <button type="button" @click=${this.#again}>Ask again</button></p>`}
      <div class="room" .style=${`height:${size * ROW_PX}px`}>${lines}</div>
    </div>`;
  }

  #line(seq: number, line: number) {
    const one = this.#at(seq);
    const style = `top:${line * ROW_PX}px`;
    if (one === undefined) {
      return html`<div class="line" .style=${style}><span class="hue"></span><span class="seq">${count(seq)}</span><span class="muted">…</span></div>`;
    }
    const type = String(one.json.type);
    const at = typeof one.json.at === "number" ? one.json.at : 0;
    const { about, text, code, more } = say(one.statement, type);
    return html`<button type="button" class="line" .style=${style} @click=${() => this.tellPage("evidence", { kind: "statement", seq })}>
      <span class="hue ${channelOf(type)}" aria-hidden="true"></span>
      <span class="seq">${count(seq)}</span>
      <span class="what"><b>${about}</b> ${text} <code>${code ?? ""}</code>${more === undefined ? nothing : html` <span class="muted">${more}</span>`}</span>
      <span class="by" title="token ${String(one.json.by)}">${short(String(one.json.by))}</span>
      <span class="muted" title=${moment(at)}>${ago(at, this.registry.now())}</span>
      <tes-badge bare standing=${this.registry.proofs.of(seq).standing}></tes-badge>
    </button>`;
  }

  /** A statement, if it is here; asked for otherwise. */
  #at(seq: number): Watched | undefined {
    const recent = this.registry.feed[0]?.index;
    if (recent !== undefined && seq <= recent) {
      const found = this.registry.feed[recent - seq];
      if (found?.index === seq) return found;
    }
    const page = Math.floor(seq / PAGE);
    const read = this.#pages.get(page);
    if (read === "reading") return undefined;
    const found = read?.find(({ index }) => index === seq);
    if (found === undefined && this.error === undefined) void this.#read(page);
    return found;
  }

  async #read(page: number): Promise<void> {
    this.#pages.set(page, "reading");
    const registry = this.registry;
    try {
      const found = await registry.read(page * PAGE, PAGE);
      if (registry !== this.registry) return;
      this.#pages.delete(page);
      this.#pages.set(page, found);
      for (const old of this.#pages.keys()) {
        if (this.#pages.size <= MAX_PAGES) break;
        if (this.#pages.get(old) !== "reading") this.#pages.delete(old);
      }
    } catch (thrown) {
      this.#pages.delete(page);
      this.error = asTesError(thrown);
    }
    this.requestUpdate();
  }

  readonly #again = (): void => {
    this.error = undefined;
  };

  readonly #jump = (event: SubmitEvent): void => {
    event.preventDefault();
    const seq = Number(new FormData(event.target as HTMLFormElement).get("seq"));
    if (seq < this.registry.size) this.#window.jump(this.registry.size - 1 - seq);
    if (this.rest.length > 0) location.hash = addressOf(this.registry.name, "history");
    else if (seq < this.registry.size) this.tellPage("evidence", { kind: "statement", seq });
  };

  readonly #ask = (event: SubmitEvent): void => {
    event.preventDefault();
    const data = new FormData(event.target as HTMLFormElement);
    const [from, to] = [Number(data.get("from")), Number(data.get("to"))];
    location.hash = addressOf(this.registry.name, "history", "diff", Math.min(from, to), Math.max(from, to));
  };
}
define("tes-history", History);
