/** Releases: which files were published as which version, by whom, and how that is proved. */

import { css, html, nothing } from "lit";
import type { TesError } from "../../client/index.ts";
import type { ReleaseView } from "../../protocol/release-answers.ts";
import { addressOf } from "../model/route.ts";
import { asTesError, findingOf, tell } from "../model/verdict.ts";
import { ago, moment, plural } from "../model/words.ts";
import "./badge.ts";
import { inRegistry } from "./command.ts";
import { define, Panel } from "./panel.ts";
import "./release.ts";

const PAGE = 50;

export class Releases extends Panel {
  static override properties = {
    ...Panel.properties,
    releases: { state: true },
    next: { state: true },
    error: { state: true },
  };
  declare releases: readonly ReleaseView[] | undefined;
  declare next: string | null;
  declare error: TesError | undefined;
  #of = "";

  static override styles = [
    ...Panel.styles,
    css`
      li a {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto auto 20px;
        align-items: center;
        gap: var(--s16);
        min-height: 52px;
        padding: var(--s8) var(--s4);
        border-bottom: 1px solid var(--line-soft);
        border-radius: 0;
        color: var(--text);
        font-size: var(--t13);
      }
      li a:hover {
        background: var(--accent-wash);
        text-decoration: none;
      }
      code {
        font-size: var(--t15);
      }
      .yanked code {
        text-decoration: line-through;
      }
      @media (max-width: 700px) {
        li a {
          grid-template-columns: minmax(0, 1fr) 20px;
        }
        li a .muted {
          grid-column: 1;
        }
      }
    `,
  ];

  override willUpdate(): void {
    // A release in the feed is one more than the list has.
    const newest = this.registry.feed.find(({ json }) => String(json.type).startsWith("release."))?.index ?? -1;
    const key = `${this.registry.name} ${newest}`;
    if (key === this.#of) return;
    this.#of = key;
    void this.#load(undefined);
  }

  override updated(): void {
    for (const { seq } of (this.releases ?? []).toReversed()) this.registry.proofs.want(seq);
  }

  override render() {
    const [entity, version] = this.rest;
    if (entity !== undefined && version !== undefined) {
      return html`<tes-release .registry=${this.registry} .tick=${this.tick} .entity=${entity} .version=${version}></tes-release>`;
    }
    return html`<div class="page">
      <header>
        <h1>Releases</h1>
        <p class="lede">A release says which files are a version, and its publishers sign that with keys that this authority does not have.</p>
      </header>
      ${this.#list()}
    </div>`;
  }

  #list() {
    if (this.error !== undefined && this.error.code !== "route_unknown") {
      return html`<p class="note ${findingOf(this.error) === "refused" ? "refused" : "warn"}">${tell(this.error)} <button type="button" @click=${() => void this.#load(undefined)}>Ask again</button></p>`;
    }
    if (this.error === undefined && this.releases === undefined)
      return html`<p class="muted" aria-busy="true">Reading the releases…</p>`;
    if (this.releases === undefined || this.releases.length === 0) {
      return html`<div class="empty"><p>Nothing was released yet. This publishes the current version of an entity:</p><code>tes release global:main dist/*${inRegistry(this.registry.name)}</code></div>`;
    }
    const now = this.registry.now();
    return html`<ul>${this.releases.map(
      ({ entity, version, files, signers, at, seq, yanked }) => html`<li class=${yanked === null ? "" : "yanked"}>
        <a href=${addressOf(this.registry.name, "releases", entity, version)}>
          <span class="break">${entity} <code>${version}</code>${yanked === null ? nothing : html` <b class="small">withdrawn</b>`}</span>
          <span class="muted">${plural(files, "file")}, ${plural(signers.length, "publisher")}</span>
          <span class="muted" title=${moment(at)}>${ago(at, now)}</span>
          <tes-badge bare standing=${this.registry.proofs.of(seq).standing}></tes-badge>
        </a></li>`,
    )}</ul>
    ${this.next === null ? nothing : html`<p><button type="button" class="plain" @click=${() => void this.#load(this.next ?? undefined)}>Older releases</button></p>`}`;
  }

  async #load(cursor: string | undefined): Promise<void> {
    const { registry } = this;
    try {
      const page = await registry.client.releases({ limit: PAGE, cursor });
      if (registry !== this.registry) return;
      this.releases = cursor === undefined ? page.releases : [...(this.releases ?? []), ...page.releases];
      this.next = page.next;
      this.error = undefined;
    } catch (thrown) {
      this.error = asTesError(thrown);
      registry.failed(thrown, "the releases");
    }
  }
}
define("tes-releases", Releases);
