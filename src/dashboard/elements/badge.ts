/** A standing as a shape and a word. Colour never stands alone. */

import { css, html, LitElement, svg } from "lit";
import { base } from "../look/base.ts";
import { type Standing, WORDS } from "../model/verdict.ts";
import { define } from "./panel.ts";

const SHAPES: Readonly<Record<Standing, ReturnType<typeof svg>>> = {
  proven: svg`<circle cx="8" cy="8" r="7" class="fill"/><path d="m4.8 8.3 2.2 2.2 4.3-4.7" class="ink"/>`,
  refused: svg`<circle cx="8" cy="8" r="7" class="fill"/><path d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" class="ink"/>`,
  unchecked: svg`<circle cx="8" cy="8" r="2.6" class="fill"/>`,
  checking: svg`<circle cx="8" cy="8" r="6" class="track"/><circle cx="8" cy="8" r="6" class="arc"/>`,
  outage: svg`<circle cx="8" cy="8" r="6" class="broken"/>`,
};

export class Badge extends LitElement {
  static override properties = { standing: {}, word: {}, bare: { type: Boolean } };
  declare standing: Standing;
  /** In place of the usual word. */
  declare word: string | undefined;
  /** Shape alone: the word is there for readers that do not see. */
  declare bare: boolean;

  static override styles = [
    base,
    css`
      :host {
        display: inline-flex;
        align-items: center;
        gap: 6px;
        font-size: var(--t13);
        line-height: 1;
        white-space: nowrap;
      }
      svg {
        width: 1.15em;
        height: 1.15em;
        flex: none;
        overflow: visible;
      }
      .proven {
        color: var(--proven);
      }
      .refused {
        color: var(--refused);
      }
      .unchecked,
      .checking {
        color: var(--muted);
      }
      .outage {
        color: var(--outage);
      }
      span.s {
        display: inline-flex;
        align-items: center;
        gap: inherit;
      }
      .fill {
        fill: currentColor;
      }
      .ink {
        fill: none;
        stroke: var(--bg);
        stroke-width: 1.9;
        stroke-linecap: round;
        stroke-linejoin: round;
      }
      .track,
      .arc,
      .broken {
        fill: none;
        stroke: currentColor;
        stroke-width: 1.8;
      }
      .track {
        opacity: 0.3;
      }
      .broken {
        stroke-dasharray: 4.4 1.9;
      }
      .arc {
        stroke: var(--accent-text);
        stroke-linecap: round;
        stroke-dasharray: 37.7;
        stroke-dashoffset: 37.7;
        transform: rotate(-90deg);
        transform-origin: 8px 8px;
        animation: fill 700ms ease-out forwards;
      }
      @keyframes fill {
        to {
          stroke-dashoffset: 6;
        }
      }
      @media (prefers-reduced-motion: reduce) {
        .arc {
          stroke-dashoffset: 20;
        }
      }
    `,
  ];

  override render() {
    const standing = this.standing ?? "unchecked";
    const word = this.word ?? WORDS[standing];
    return html`<span class="s ${standing}"
      ><svg viewBox="0 0 16 16" aria-hidden="true">${SHAPES[standing]}</svg
      ><span class=${this.bare ? "hidden-label" : ""}>${word}</span></span
    >`;
  }
}
define("tes-badge", Badge);
