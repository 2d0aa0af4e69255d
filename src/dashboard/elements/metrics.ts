/** How the authority does: requests, signature time, cache hits, subscribers, out of its own signed counters. */

import { css, html } from "lit";
import type { TesError } from "../../client/index.ts";
import { parseOpenMetrics, quantile, type Reading, rate, readingOf } from "../model/openmetrics.ts";
import { asTesError, findingOf, tell } from "../model/verdict.ts";
import { plural } from "../model/words.ts";
import "./badge.ts";
import "./chart.ts";
import { define, Panel } from "./panel.ts";

/** A reading is a request too: seldom enough not to be what is measured. */
const EVERY_MS = 2_000;
const MAX_READINGS = 300;

export class Metrics extends Panel {
  static override properties = { ...Panel.properties, readings: { state: true }, error: { state: true } };
  declare readings: readonly Reading[];
  declare error: TesError | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #of: unknown;

  constructor() {
    super();
    this.readings = [];
  }

  static override styles = [
    ...Panel.styles,
    css`
      .charts {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
        gap: 0 var(--s32);
      }
    `,
  ];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#of = undefined;
  }

  override willUpdate(): void {
    const of = `${this.registry.name} ${this.access.signed?.jti}`;
    if (of === this.#of) return;
    this.#of = of;
    this.readings = [];
    this.error = undefined;
    clearTimeout(this.#timer);
    void this.#read();
  }

  override render() {
    return html`<div class="page">
      <header>
        <h1>Metrics</h1>
        <p class="lede">Counters of the registry's object since it started, signed like every answer, and what happens between two readings of them.</p>
      </header>
      ${this.#content()}
    </div>`;
  }

  #content() {
    const { error, readings } = this;
    if (error !== undefined) {
      if (findingOf(error) === "sign-in" || error.code === "forbidden") {
        return html`<div class="empty"><p>Metrics are read by holders of a token with the scope <code>read</code>.</p>
          <button type="button" class="primary" @click=${() => this.tellPage("sign-in", { reason: "Metrics need a token with the scope read." })}>Sign in</button></div>`;
      }
      return html`<p class="note warn">${tell(error)} <button type="button" @click=${() => void this.#read()}>Ask again</button></p>`;
    }
    const last = readings.at(-1);
    if (last === undefined) return html`<p class="muted" aria-busy="true">Reading…</p>`;
    const times = readings.map(({ at }) => at / 1000);
    const pairs = <T>(of: (before: Reading, after: Reading) => T): (T | null)[] => [
      null,
      ...readings.slice(1).map((after, index) => of(readings[index]!, after)),
    ];
    const perSecond = (field: (reading: Reading) => number) =>
      pairs((before, after) => rate(field(before), field(after), after.at - before.at));
    /** Milliseconds each, between two readings. */
    const mean = (sum: (reading: Reading) => number, number: (reading: Reading) => number) =>
      pairs((before, after) => {
        const n = number(after) - number(before);
        return n > 0 ? ((sum(after) - sum(before)) / n) * 1000 : null;
      });
    const latest = (values: readonly (number | null)[], digits: number): string =>
      values.findLast((value) => value !== null)?.toFixed(digits) ?? "–";
    const answers = perSecond((one) => one.answers);
    const answerMs = mean(
      (one) => one.seconds,
      (one) => one.timed,
    );
    const signingMs = mean(
      (one) => one.signing,
      (one) => one.signedAnswers,
    );
    const statements = perSecond((one) => one.statements);
    const hits = readings.map((one) => (100 * one.cacheHits) / Math.max(1, one.cacheHits + one.cacheMisses));
    const subscribers = readings.map((one) => one.subscribers ?? null);
    const p99 = quantile(last.buckets, 0.99);
    const chart = (label: string, digits: number, colour: string, values: readonly (number | null)[]) =>
      html`<tes-chart label=${label} value=${latest(values, digits)} .times=${times} .series=${[{ name: label, colour, values }]} theme=${document.documentElement.dataset.theme ?? ""}></tes-chart>`;
    return html`<div class="charts">
        ${chart("Answers a second", 1, "--channel-version", answers)}
        ${chart("Signing an answer, ms", 2, "--channel-core", signingMs)}
        ${chart("From request to signed answer, ms", 2, "--channel-external", answerMs)}
        ${chart("Signing key found in memory, %", 1, "--channel-telemetry", hits)}
        ${chart("Subscribers", 0, "--channel-warning", subscribers)}
        ${chart("Statements a second", 1, "--channel-alert", statements)}
      </div>
      <dl class="facts">
        <dt>Since the object started</dt>
        <dd>${plural(last.answers, "answer")}, of them ${plural(last.failures, "failure")}; ${plural(last.signatures, "signature")}; ${plural(last.statements, "statement")}</dd>
        <dt>99 of 100 answers within</dt>
        <dd>${p99 === undefined ? "–" : `${(p99 * 1000).toFixed(1)} ms`}</dd>
        <dt>Signing key</dt>
        <dd>${plural(last.cacheHits, "time")} from memory, ${plural(last.cacheMisses, "time")} derived</dd>
      </dl>`;
  }

  async #read(): Promise<void> {
    const { registry } = this;
    try {
      const reading = readingOf(parseOpenMetrics(await registry.client.metrics()), registry.now());
      if (registry === this.registry) this.readings = [...this.readings, reading].slice(-MAX_READINGS);
      this.error = undefined;
    } catch (thrown) {
      this.error = asTesError(thrown);
      registry.failed(thrown, "the metrics");
      if (findingOf(this.error) !== "outage") return;
    }
    if (this.isConnected && registry === this.registry) this.#timer = setTimeout(() => void this.#read(), EVERY_MS);
  }
}
define("tes-metrics", Metrics);
