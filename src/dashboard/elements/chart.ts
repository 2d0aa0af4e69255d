/** One small chart over time (uPlot). Its last value stands beside it as text. */

import { css, html, LitElement, unsafeCSS } from "lit";
import uPlot from "uplot";
import uPlotStyles from "uplot/dist/uPlot.min.css" with { type: "text" };
import { base } from "../look/base.ts";
import { spanOf } from "../model/span.ts";
import { define } from "./panel.ts";

const HEIGHT_PX = 120;

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

export interface Series {
  readonly name: string;
  /** A custom property of the page. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
}

export class Chart extends LitElement {
  static override properties = {
    label: {},
    value: {},
    times: { attribute: false },
    series: { attribute: false },
    theme: {},
  };
  declare label: string;
  /** The last value, as it is read. */
  declare value: string;
  /** Seconds. */
  declare times: readonly number[];
  declare series: readonly Series[];
  declare theme: string;
  #plot: uPlot | undefined;
  #drawn = "";
  #observer: ResizeObserver | undefined;

  static override styles = [
    base,
    unsafeCSS(uPlotStyles),
    css`
      figure {
        padding: var(--s16) 0;
        border-top: 1px solid var(--line);
      }
      figcaption {
        display: flex;
        align-items: baseline;
        justify-content: space-between;
        gap: var(--s16);
        margin-bottom: var(--s8);
        color: var(--muted);
        font-size: var(--t13);
      }
      b {
        color: var(--text);
        font: 500 var(--t24) / 1.2 var(--mono);
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      .plot {
        height: 120px;
        overflow: hidden;
      }
    `,
  ];

  override render() {
    return html`<figure>
      <figcaption><span>${this.label}</span><b>${this.value}</b></figcaption>
      <div class="plot" role="img" aria-label="${this.label}: ${this.value}"></div>
    </figure>`;
  }

  override updated(): void {
    const box = this.renderRoot.querySelector<HTMLElement>(".plot")!;
    const shape = `${this.theme} ${this.series.map(({ name }) => name).join()}`;
    const data = [this.times, ...this.series.map(({ values }) => values)] as uPlot.AlignedData;
    if (this.#plot !== undefined && shape === this.#drawn) {
      this.#plot.setData(data);
      return;
    }
    this.#plot?.destroy();
    this.#drawn = shape;
    const muted = colourOf(this, "--muted");
    const axis: uPlot.Axis = {
      stroke: muted,
      font: "11px ui-monospace, monospace",
      grid: { stroke: colourOf(this, "--line-soft"), width: 1 },
      ticks: { show: false },
    };
    this.#plot = new uPlot(
      {
        width: Math.max(200, box.clientWidth),
        height: HEIGHT_PX,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: {
          x: { time: true, range: () => spanOf(this.times) },
          y: { range: (_, min, max) => [Math.min(0, min), max <= 0 ? 1 : max * 1.1] },
        },
        axes: [
          { ...axis, size: 24, space: 90, values: (_, ticks) => ticks.map((tick) => clock.format(tick * 1000)) },
          { ...axis, size: 48 },
        ],
        series: [
          {},
          ...this.series.map(({ name, colour }) => ({
            label: name,
            stroke: colourOf(this, colour),
            fill: `color-mix(in srgb, ${colourOf(this, colour)} 14%, transparent)`,
            width: 2,
            points: { show: false },
          })),
        ],
      },
      data,
      box,
    );
    this.#observer ??= new ResizeObserver(() => {
      this.#plot?.setSize({ width: Math.max(200, box.clientWidth), height: HEIGHT_PX });
    });
    this.#observer.observe(box);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer?.disconnect();
    this.#plot?.destroy();
    this.#plot = undefined;
    this.#drawn = "";
  }
}
define("tes-chart", Chart);

/** A canvas knows no custom properties: this is what one comes to here. */
function colourOf(element: HTMLElement, name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  element.shadowRoot!.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
