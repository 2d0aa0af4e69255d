/** One release, proved here from the genesis to each publisher's signature. */

import { css, html, nothing } from "lit";
import {
  type JsonValue,
  type ProvenRelease,
  type PublishersNow,
  type Standing,
  standingOf,
  type TesError,
} from "../../client/index.ts";
import { isEntityId } from "../../protocol/ids.ts";
import { pathOf } from "../../protocol/paths.ts";
import type { Wanted } from "../model/download.ts";
import { addressOf } from "../model/route.ts";
import { goneOf, newestAbout } from "../model/signers.ts";
import { asTesError, findingOf, tell } from "../model/verdict.ts";
import { bytes, count, moment, plural, visible } from "../model/words.ts";
import "./badge.ts";
import { quoted, reachOf } from "./command.ts";
import "./digest.ts";
import "./download.ts";
import "./reason.ts";
import { define, Panel } from "./panel.ts";

const MAX_FILES_SHOWN = 200;

export class Release extends Panel {
  static override properties = {
    ...Panel.properties,
    entity: {},
    version: {},
    found: { state: true },
    error: { state: true },
    publishers: { state: true },
    unread: { state: true },
  };
  declare entity: string;
  declare version: string;
  declare found: ProvenRelease | undefined;
  declare error: TesError | undefined;
  /** Who publishes the entity today. */
  declare publishers: PublishersNow | undefined;
  /** Why that is not known. */
  declare unread: TesError | undefined;
  #of = "";
  #turn = 0;
  /** Size of the log that what is shown is at least as new as. */
  #covered = 0;

  static override styles = [
    ...Panel.styles,
    css`
      .version {
        margin-top: var(--s8);
        font: 500 var(--t32) / 1.15 var(--mono);
        font-variant-numeric: tabular-nums;
        letter-spacing: -0.02em;
        overflow-wrap: anywhere;
      }
      header tes-badge {
        margin-top: var(--s8);
        white-space: normal;
        line-height: 1.4;
      }
      header .note {
        margin-top: var(--s12);
      }
      section > h2 {
        margin-bottom: var(--s12);
      }
      .signers li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0 var(--s12);
        min-height: 40px;
        border-bottom: 1px solid var(--line-soft);
        font-size: var(--t13);
      }
      .gone {
        color: var(--warn);
      }
      .note-after {
        margin-top: var(--s12);
      }
      pre {
        margin: 0;
        padding: var(--s12) var(--s16);
        border-radius: var(--r6);
        background: var(--surface);
        font-size: var(--t12);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        max-height: 360px;
        overflow: auto;
      }
      summary {
        color: var(--accent-text);
        cursor: pointer;
        font-size: var(--t13);
      }
      details pre {
        margin-top: var(--s8);
      }
      .plain-link {
        font-size: var(--t12);
      }
      .files td {
        vertical-align: middle;
      }
      @media (max-width: 700px) {
        /* A file is a card there: what it is called, its digest, and where it comes from, below each other. */
        .files thead {
          position: absolute;
          clip-path: inset(50%);
        }
        .scroll-x .files {
          min-width: 0;
        }
        .files,
        .files tbody {
          display: block;
        }
        .files tr {
          display: grid;
          grid-template-columns: minmax(0, 1fr) auto;
          padding: var(--s12) 0;
          border-bottom: 1px solid var(--line-soft);
        }
        .files td {
          padding: var(--s4) 0;
          border: 0;
        }
        .files td:nth-child(n + 3) {
          grid-column: 1 / -1;
        }
      }
    `,
  ];

  override willUpdate(): void {
    const key = `${this.registry.name} ${this.entity} ${this.version}`;
    if (key !== this.#of) {
      this.#of = key;
      this.found = undefined;
      this.error = undefined;
      this.publishers = undefined;
      this.unread = undefined;
    } else if (newestAbout(this.registry.feed, this.entity, this.version) < this.#covered) return;
    void this.#load();
  }

  override render() {
    const { registry, found, error } = this;
    return html`<div class="page">
      <header>
        <p class="small"><a href=${addressOf(registry.name, "releases")}>Releases</a> <span class="muted">/</span> ${isEntityId(this.entity) ? html`<a class="break" href=${addressOf(registry.name, "entities", this.entity)}>${this.entity}</a>` : "no entity"}</p>
        <p class="version">${visible(this.version)}</p>
        ${
          error !== undefined
            ? this.#failure(error)
            : found === undefined
              ? html`<span aria-busy="true"><tes-badge standing="checking" word="Checking every signature"></tes-badge></span>`
              : html`<tes-badge standing="proven" word="Proven here: ${plural(found.signers.length, "publisher")} of ${count(found.publishers.keys)} signed, ${count(found.publishers.threshold)} had to"></tes-badge>`
        }
      </header>
      ${found === undefined ? nothing : this.#whole(found)}
    </div>`;
  }

  #failure(error: TesError) {
    const finding = findingOf(error);
    // Such an answer was signed, and is as good as any: there is nothing here to be checked.
    const badge =
      finding === "refused" || finding === "outage" ? html`<tes-badge standing=${finding}></tes-badge><br />` : nothing;
    return html`<p class="note ${finding === "refused" ? "refused" : "warn"}">${badge}${tell(error)} ${
      finding === "answer" ? nothing : html`<button type="button" @click=${() => void this.#load()}>Ask again</button>`
    }</p>
      ${
        finding === "answer"
          ? html`<p class="note-after small">The address may be mistyped. <a href=${addressOf(this.registry.name, "releases")}>All releases of this registry</a></p>`
          : nothing
      }`;
  }

  /** What holds, and what somebody who installs it has to know all the same. */
  #warnings(found: ProvenRelease, now: Standing | undefined) {
    const gone = now === undefined ? null : goneOf(found.entity, now);
    return html`${gone === null ? nothing : html`<p class="note warn break">${gone}</p>`}
      ${this.unread === undefined ? nothing : html`<p class="note warn">Whether its signers are publishers still could not be read. ${tell(this.unread)}</p>`}
      ${found.missingAttestations.map(
        ({ name, sha256 }) =>
          html`<p class="note warn break">An attestation that its provenance names is not here: ${visible(name)}, SHA-256 <tes-digest value=${sha256} label="SHA-256 of the attestation"></tes-digest></p>`,
      )}`;
  }

  /** Through the page it is checked as it comes. What a plain link fetches is as yet unproved: the command below proves it. */
  #fetched(file: Wanted) {
    const { name: registry, trust } = this.registry;
    return html`<tes-download .registry=${this.registry} .file=${file}></tes-download>${
      trust?.visibility === "public"
        ? html`<a class="plain-link" href=${pathOf.artifact(registry, file.sha256)} download=${visible(file.name)}>plain link, unchecked</a>`
        : nothing
    }`;
  }

  #whole(found: ProvenRelease) {
    const { signers, subjects, attestations, yanked, seq, at, publishers } = found;
    const now = this.publishers === undefined ? undefined : standingOf(found, this.publishers);
    return html`
      ${this.#warnings(found, now)}
      ${
        yanked === null
          ? nothing
          : html`<div class="note warn">Withdrawn ${moment(yanked.at)}, by statement ${count(yanked.seq)}. Do not install it.
              ${yanked.reason === undefined ? nothing : html`<tes-reason .registry=${this.registry} digest=${yanked.reason.digest}></tes-reason>`}</div>`
      }
      <dl class="facts">
        <dt>Logged</dt>
        <dd>${moment(at)}, from <button type="button" class="plain" @click=${() => this.tellPage("evidence", { kind: "statement", seq })}>statement ${count(seq)}</button></dd>
        <dt>Publishers</dt>
        <dd>revision ${publishers.revision}${publishers.recovered ? ", named with the recovery key" : ""}</dd>
      </dl>
      <section>
        <h2>Signed by</h2>
        <ul class="signers">${signers.map(
          (
            signer,
          ) => html`<li><tes-badge bare standing="proven"></tes-badge><tes-digest value=${signer.kid} label="publisher key id"></tes-digest>
            <button type="button" class="plain" @click=${() => this.tellPage("evidence", { kind: "statement", seq: signer.seq })}>statement ${count(signer.seq)}</button>
            ${now?.removed.includes(signer.kid) ? html`<span class="gone">a publisher no more, as of revision ${count(now.revision)}</span>` : nothing}</li>`,
        )}</ul>
      </section>
      <section>
        <h2>${plural(subjects.length, "file")}</h2>
        <div class="scroll-x" tabindex="0" role="region" aria-label="Files"><table class="files" role="table">
          <thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">Name</th><th scope="col" role="columnheader">Size</th><th scope="col" role="columnheader">SHA-256</th><th scope="col" role="columnheader">Where</th></tr></thead>
          <tbody role="rowgroup">${subjects.slice(0, MAX_FILES_SHOWN).map(
            ({ name, size, sha256, downloadLocation }) => html`<tr role="row">
              <td class="break" role="cell">${visible(name)}</td>
              <td class="muted" role="cell">${bytes(size)}</td>
              <td role="cell"><tes-digest value=${sha256} label="SHA-256 of ${visible(name)}"></tes-digest></td>
              <td class="break muted" role="cell">${downloadLocation == null ? this.#fetched({ name, size, sha256 }) : visible(downloadLocation)}</td>
            </tr>`,
          )}</tbody>
        </table></div>
        ${subjects.length > MAX_FILES_SHOWN ? html`<p class="muted small">and ${count(subjects.length - MAX_FILES_SHOWN)} more, in SHA256SUMS beside the files.</p>` : nothing}
      </section>
      <section>
        <h2>How it was built, as its publishers say</h2>
        <dl class="facts">${factsOf(found.provenance).map(([name, value]) => html`<dt>${name}</dt><dd class="break mono">${visible(value)}</dd>`)}</dl>
        <details><summary>The whole provenance</summary><pre tabindex="0">${visible(JSON.stringify(found.provenance, null, 2), true)}</pre></details>
      </section>
      ${attestations.map(
        ({ predicateType, predicate, signers: by }) => html`<section>
          <h2>${titleOf(predicateType)}</h2>
          <p class="small muted break">${visible(predicateType)}, signed by ${plural(by.length, "publisher")}</p>
          <details><summary>Show it</summary><pre tabindex="0">${visible(JSON.stringify(predicate, null, 2), true)}</pre></details>
        </section>`,
      )}
      <section>
        <h2>Check it elsewhere</h2>
        <tes-command text=${`tes verify ${quoted(`./${subjects[0]?.name ?? "FILE"}`)} --online --expect ${this.entity}@${this.version} ${reachOf(this.registry.name, found.genesis)}`}></tes-command>
      </section>`;
  }

  async #load(): Promise<void> {
    const { registry, entity, version } = this;
    const turn = ++this.#turn;
    this.#covered = registry.size;
    const [release, publishers] = await Promise.allSettled([
      registry.client.releaseOf(entity, version),
      registry.client.publishers(entity),
    ]);
    const isLast = turn === this.#turn;
    if (release.status === "fulfilled") {
      if (isLast) [this.found, this.error] = [release.value.release, undefined];
    } else {
      if (isLast) this.error = asTesError(release.reason);
      registry.failed(release.reason, `the release ${entity} ${version}`);
      return;
    }
    if (publishers.status === "fulfilled") {
      if (isLast) {
        const { revision, threshold, keys } = publishers.value;
        this.publishers = { revision, threshold, kids: keys.map(({ kid }) => kid) };
        this.unread = undefined;
      }
    } else {
      if (isLast) this.unread = asTesError(publishers.reason);
      registry.failed(publishers.reason, `the publishers of ${entity}`);
    }
  }
}
define("tes-release", Release);

function titleOf(predicateType: string): string {
  if (predicateType.includes("cyclonedx") || predicateType.includes("spdx")) return "Bill of materials";
  return "Attestation";
}

/** What SLSA provenance v1 says that people look for. */
function factsOf(provenance: JsonValue): [string, string][] {
  const at = (...path: string[]): JsonValue | undefined =>
    path.reduce<JsonValue | undefined>(
      (value, name) =>
        typeof value === "object" && value !== null && !Array.isArray(value)
          ? (value as { readonly [member: string]: JsonValue })[name]
          : undefined,
      provenance,
    );
  const said: [string, JsonValue | undefined][] = [
    ["Builder", at("runDetails", "builder", "id")],
    ["Run", at("runDetails", "metadata", "invocationId")],
    ["Command", at("buildDefinition", "externalParameters", "command")],
    ["Started", at("runDetails", "metadata", "startedOn")],
    ["Finished", at("runDetails", "metadata", "finishedOn")],
  ];
  const dependencies = at("buildDefinition", "resolvedDependencies");
  if (Array.isArray(dependencies)) {
    for (const one of dependencies as { readonly uri?: JsonValue }[]) said.push(["Built from", one.uri]);
  }
  return said.flatMap(([name, value]) => {
    if (value === undefined) return [];
    return [[name, typeof value === "string" ? value : JSON.stringify(value)]] as [string, string][];
  });
}
