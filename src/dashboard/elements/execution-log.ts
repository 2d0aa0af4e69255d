/** An execution log as a timeline of its phases. */

import { css, html, LitElement, nothing } from "lit";
import type { ExecutionLog, PhaseLog } from "../../protocol/execution-log.ts";
import { base } from "../look/base.ts";
import { plural, short, visibleIn } from "../model/words.ts";
import "./badge.ts";
import "./digest.ts";
import { define } from "./panel.ts";

const time = (ms: number): string => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);

export class ExecutionLogView extends LitElement {
  static override properties = { log: { attribute: false } };
  declare log: ExecutionLog;

  static override styles = [
    base,
    css`
      :host {
        margin-top: var(--s16);
        font-size: var(--t13);
      }
      ol {
        margin-top: var(--s16);
      }
      li.phase {
        display: grid;
        grid-template-columns: 72px minmax(0, 1fr);
        gap: var(--s16);
        padding: var(--s12) 0;
        border-top: 1px solid var(--line-soft);
      }
      .ms {
        color: var(--muted);
        font-family: var(--mono);
        text-align: right;
      }
      h3 {
        font-size: var(--t13);
        font-weight: 600;
      }
      .more {
        color: var(--muted);
        overflow-wrap: anywhere;
      }
      .running {
        color: var(--warn);
      }
      h2 {
        margin-top: var(--s24);
      }
      .risks li {
        padding: var(--s4) 0;
      }
      @media (max-width: 700px) {
        li.phase {
          grid-template-columns: minmax(0, 1fr);
          gap: 0;
        }
        .ms {
          text-align: left;
        }
      }
    `,
  ];

  override render() {
    const log = visibleIn(this.log);
    const { target, key } = log;
    return html`
      <dl class="facts">
        <dt>Status</dt>
        <dd class=${log.status === "running" ? "running" : ""}>${log.status === "running" ? "running: not all phases are done" : "complete"}</dd>
        <dt>Worker</dt>
        <dd class="break">${target.worker}, ${target.url}, registry ${target.registry}, environment ${target.env === "" ? "top level" : target.env}</dd>
        <dt>Started</dt>
        <dd>${log.started}, by TES ${log.tools.tes} on ${log.tools.runtime}, wrangler ${log.tools.wrangler}</dd>
        <dt>Key</dt>
        <dd>${key === null ? "none yet" : html`<tes-digest value=${key.keyid} label="key id"></tes-digest> from ${key.source}, ${key.slot}; kept ${key.kept}`}</dd>
        <dt>Genesis</dt>
        <dd>${log.genesis === null ? "none yet" : html`<tes-digest value=${log.genesis} label="genesis hash"></tes-digest>`}</dd>
        ${log.bump === null ? nothing : html`<dt>Replay of /bump</dt><dd class="break">${log.bump.entity}: ${log.bump.answer}. ${log.bump.provenance}</dd>`}
      </dl>
      <ol>${log.phases.map((phase) => this.#phase(phase))}</ol>
      ${
        log.risks.length === 0
          ? nothing
          : html`<h2>Risks that remain</h2>
              <ul class="risks">${log.risks.map((risk) => html`<li>${risk}</li>`)}</ul>`
      }
    `;
  }

  #phase({ name, result, at, ms, commands, files, findings }: PhaseLog) {
    return html`<li class="phase">
      <span class="ms" title=${at}>${time(ms)}</span>
      <div>
        <h3>${name}</h3>
        <p class="more">${result}</p>
        ${commands.map(({ command, exit, ms: took }) => html`<p class="more"><code>${command}</code> → ${exit}, ${time(took)}</p>`)}
        ${files.map(({ path, before, after }) => html`<p class="more"><code>${path}</code> ${before === null ? "made" : `${short(before)} →`} ${short(after)}</p>`)}
        ${findings.map((finding) => html`<p class="more">${finding}</p>`)}
        ${commands.length + files.length + findings.length === 0 ? nothing : html`<span class="hidden-label">${plural(commands.length, "command")}</span>`}
      </div>
    </li>`;
  }
}
define("tes-execution-log", ExecutionLogView);
