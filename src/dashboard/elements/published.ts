/** What was released of an entity and withdrawn, and who may release it: the publishers from their first set on, proved here. */

import { css, html, nothing } from "lit";
import type { TesClient, TesError } from "../../client/index.ts";
import type { ReleaseView } from "../../protocol/release-answers.ts";
import { addressOf } from "../model/route.ts";
import { newestAbout } from "../model/signers.ts";
import { asTesError, findingOf, tell } from "../model/verdict.ts";
import { ago, count, moment, plural } from "../model/words.ts";
import "./badge.ts";
import { inRegistry } from "./command.ts";
import "./digest.ts";
import { define, Panel } from "./panel.ts";
import "./reason.ts";

const PAGE = 10;

type Publishers = Awaited<ReturnType<TesClient["publishers"]>>;

export class Published extends Panel {
  static override properties = {
    ...Panel.properties,
    chosen: {},
    releases: { state: true },
    older: { state: true },
    publishers: { state: true },
    error: { state: true },
  };
  declare chosen: string;
  declare releases: readonly ReleaseView[] | undefined;
  declare older: string | null;
  declare publishers: Publishers | undefined;
  declare error: TesError | undefined;
  #of: unknown;
  #turn = 0;
  /** Size of the log that what is shown is at least as new as. */
  #covered = 0;

  static override styles = [
    ...Panel.styles,
    css`
      h2 {
        margin-bottom: var(--s8);
      }
      .facts button {
        min-height: 0;
        padding: 0;
        text-decoration: underline;
      }
      .recovered,
      .withdrawn {
        color: var(--warn);
      }
      dd tes-badge {
        white-space: normal;
      }
      ul {
        margin-top: var(--s8);
      }
      li a {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto 20px;
        align-items: center;
        gap: var(--s4) var(--s12);
        min-height: 44px;
        padding: var(--s4);
        border-bottom: 1px solid var(--line-soft);
        border-radius: 0;
        color: var(--text);
        font-size: var(--t13);
      }
      li a:hover {
        background: var(--accent-wash);
        text-decoration: none;
      }
      .what {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      .yanked code {
        text-decoration: line-through;
      }
      .empty {
        padding: var(--s16) 0;
        justify-items: start;
        text-align: left;
      }
      .note {
        margin-top: var(--s8);
      }
    `,
  ];

  override willUpdate(): void {
    const { registry, chosen } = this;
    const key = `${registry.name} ${chosen}`;
    if (key !== this.#of) {
      this.#of = key;
      this.releases = undefined;
      this.publishers = undefined;
      this.error = undefined;
    } else if (newestAbout(registry.feed, chosen) < this.#covered) return;
    void this.#load();
  }

  override updated(): void {
    for (const { seq, yanked } of (this.releases ?? []).toReversed()) this.registry.proofs.want(yanked?.seq ?? seq);
  }

  override render() {
    return html`<section aria-label="Releases and publishers">
      <h2>Releases and publishers</h2>
      ${this.#problem()} ${this.publishers === undefined ? nothing : this.#publishers(this.publishers)}
      ${this.releases === undefined ? nothing : this.#releases(this.releases)}
      ${
        this.error === undefined && (this.releases === undefined || this.publishers === undefined)
          ? html`<p class="muted small" aria-busy="true">Reading what was released…</p>`
          : nothing
      }
    </section>`;
  }

  #problem() {
    const { error } = this;
    if (error === undefined) return nothing;
    return html`<p class="note ${findingOf(error) === "refused" ? "refused" : "warn"}">${tell(error)}
      <button type="button" @click=${() => void this.#load()}>Ask again</button></p>`;
  }

  #publishers({ revision, threshold, keys, history }: Publishers) {
    if (revision === 0) {
      // What was released before is listed below all the same.
      return html`<div class="empty"><p class="small">Nobody publishes it yet, so nothing of it can be released. This names the first publisher:</p>
        <code>tes publisher init --entity ${this.chosen}${inRegistry(this.registry.name)}</code></div>`;
    }
    const last = history.at(-1)!.statement.seq;
    const recovered = history.filter((one) => one.recovered);
    return html`<dl class="facts">
      <dt>Publishers</dt>
      <dd><tes-badge standing="proven" word="Proven here: revision ${count(revision)}, ${count(threshold)} of ${count(keys.length)} ${threshold === 1 ? "has" : "have"} to sign"></tes-badge> ${this.#statement(last)}</dd>
      <dt>${keys.length === 1 ? "Key" : "Keys"}</dt>
      <dd>${keys.map(({ kid }) => html`<tes-digest value=${kid} label="publisher key id"></tes-digest> `)}</dd>
      ${
        recovered.length === 0
          ? nothing
          : html`<dt>Recovery</dt>
            <dd class="recovered">The registry's recovery key took part in naming them: ${recovered.map(
              ({ statement }, at) =>
                html`${at === 0 ? "" : ", "}revision ${count(statement.revision)}, ${this.#statement(statement.seq)}`,
            )}</dd>`
      }
    </dl>`;
  }

  #statement(seq: number) {
    return html`<button type="button" class="plain" @click=${() => this.tellPage("evidence", { kind: "statement", seq })}>statement ${count(seq)}</button>`;
  }

  #releases(releases: readonly ReleaseView[]) {
    const { registry, chosen } = this;
    if (releases.length === 0) {
      if (this.publishers?.revision === 0) return nothing;
      return html`<div class="empty"><p class="small">Nothing of it was released yet. This publishes its current version:</p>
        <code>tes release ${chosen} dist/*${inRegistry(registry.name)}</code></div>`;
    }
    const now = registry.now();
    return html`<ul>${releases.map(
      ({ version, files, signers, at, seq, yanked }) => html`<li class=${yanked === null ? "" : "yanked"}>
          <a href=${addressOf(registry.name, "releases", chosen, version)}>
            <span class="what"><code>${version}</code>
              <span class="muted">${plural(files, "file")}, ${plural(signers.length, "publisher")}</span>
              ${yanked === null ? nothing : html`<b class="withdrawn">withdrawn</b> <span class="muted">${ago(yanked.at, now)}</span>`}
              ${yanked?.reason === undefined ? nothing : html`<tes-reason brief .registry=${registry} digest=${yanked.reason.digest}></tes-reason>`}</span>
            <span class="muted" title=${moment(at)}>${ago(at, now)}</span>
            <tes-badge bare standing=${registry.proofs.of(yanked?.seq ?? seq).standing}></tes-badge>
          </a></li>`,
    )}</ul>
      ${this.older === null ? nothing : html`<p class="row"><button type="button" class="plain" @click=${() => void this.#more()}>Older releases</button></p>`}`;
  }

  async #load(): Promise<void> {
    const { registry, chosen } = this;
    const turn = ++this.#turn;
    this.#covered = registry.size;
    try {
      const [page, publishers] = await Promise.all([
        registry.client.releases({ entity: chosen, limit: PAGE }),
        registry.client.publishers(chosen),
      ]);
      if (turn !== this.#turn) return;
      this.releases = page.releases;
      this.older = page.next;
      this.publishers = publishers;
      this.error = undefined;
    } catch (thrown) {
      if (turn === this.#turn) this.error = asTesError(thrown);
      registry.failed(thrown, `releases and publishers of ${chosen}`);
    }
  }

  async #more(): Promise<void> {
    const { registry, chosen } = this;
    const turn = this.#turn;
    try {
      const page = await registry.client.releases({ entity: chosen, limit: PAGE, cursor: this.older ?? undefined });
      if (turn !== this.#turn) return;
      this.releases = [...(this.releases ?? []), ...page.releases];
      this.older = page.next;
    } catch (thrown) {
      if (turn === this.#turn) this.error = asTesError(thrown);
      registry.failed(thrown, `releases of ${chosen}`);
    }
  }
}
define("tes-published", Published);
