/** The whole log, read in this browser: every statement proved, and the versions compared with the authority's own. */

import { css, html } from "lit";
import type { TesError } from "../../client/index.ts";
import { type Audited, auditLog } from "../model/audit.ts";
import { asTesError, explain, findingOf } from "../model/verdict.ts";
import { count, plural } from "../model/words.ts";
import "./badge.ts";
import { define, Panel } from "./panel.ts";

export class Audit extends Panel {
  static override properties = {
    ...Panel.properties,
    read: { state: true },
    of: { state: true },
    done: { state: true },
    error: { state: true },
  };
  declare read: number;
  declare of: number | undefined;
  declare done: Audited | undefined;
  declare error: TesError | undefined;
  #stop: AbortController | undefined;

  static override styles = [
    ...Panel.styles,
    css`
      :host {
        font-size: var(--t13);
      }
      .row {
        min-height: 32px;
      }
      progress {
        width: 160px;
        height: 6px;
        accent-color: var(--accent);
      }
      tes-badge {
        white-space: normal;
        line-height: 1.4;
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.abort();
  }

  override render() {
    if (this.of !== undefined) {
      return html`<div class="row" role="status">
        <progress max=${this.of} value=${this.read} aria-label="Statements read"></progress>
        <span class="muted">${count(this.read)} of ${count(this.of)}</span>
        <button type="button" class="plain" @click=${() => this.#stop?.abort()}>Stop</button>
      </div>`;
    }
    return html`<div class="row">
      <button type="button" @click=${this.#start}>Read the whole log here</button>
      <span role="status">${this.#outcome()}</span>
    </div>`;
  }

  #outcome() {
    if (this.error !== undefined) {
      const refused = findingOf(this.error) === "refused";
      return html`<tes-badge standing=${refused ? "refused" : "outage"} word=${explain(this.error)}></tes-badge>`;
    }
    if (this.done === undefined)
      return html`<span class="muted">Every statement, proved, and the versions they lead to.</span>`;
    const { statements, entities, differences, unknown } = this.done;
    if (differences.length > 0) {
      const [{ entity, log, answer } = { entity: "", log: "", answer: "" }] = differences;
      return html`<tes-badge standing="refused" word="${plural(differences.length, "entity", "entities")} differ: ${entity} is ${log ?? "absent"} in the log and ${answer ?? "absent"} in the answer"></tes-badge>`;
    }
    const more = unknown === 0 ? "" : `, ${plural(unknown, "statement")} of kinds that this page does not know`;
    return html`<tes-badge standing="proven" word="${plural(statements, "statement")} read, ${plural(entities, "entity", "entities")} agree${more}"></tes-badge>`;
  }

  readonly #start = async (): Promise<void> => {
    const { registry } = this;
    const stop = new AbortController();
    this.#stop = stop;
    this.error = undefined;
    this.done = undefined;
    this.read = 0;
    this.of = registry.size;
    try {
      this.done = await auditLog(registry.client, registry.size, stop.signal, (read) => {
        // Drawn a hundred times on the way, however long the log is.
        if (read === registry.size || read % Math.max(1, Math.floor(registry.size / 100)) === 0) this.read = read;
      });
    } catch (thrown) {
      if (!stop.signal.aborted) {
        this.error = asTesError(thrown);
        registry.failed(thrown, "the whole log");
      }
    } finally {
      this.of = undefined;
    }
  };
}
define("tes-audit", Audit);
