/** Styles that every element shares: text, links, buttons, fields, lists of facts. */

import { css } from "lit";

export const base = css`
  :host {
    display: block;
    box-sizing: border-box;
    color: var(--text);
    font: var(--t15) / 1.5 var(--sans);
  }
  :host([hidden]) {
    display: none;
  }
  *,
  *::before,
  *::after {
    box-sizing: inherit;
  }
  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd,
  figure {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  h2 {
    font-size: var(--t13);
    font-weight: 600;
    letter-spacing: 0.02em;
    color: var(--muted);
  }
  code,
  pre,
  .mono {
    font-family: var(--mono);
    font-size: 0.92em;
    font-variant-numeric: tabular-nums;
  }
  .muted {
    color: var(--muted);
  }
  .small {
    font-size: var(--t13);
  }
  .tiny {
    font-size: var(--t12);
  }
  /* Text of others: whichever way it runs, what stands beside it stays where it is. */
  .break,
  .foreign,
  dd,
  td,
  li,
  code,
  pre {
    unicode-bidi: isolate;
  }
  .break {
    overflow-wrap: anywhere;
  }
  a {
    color: var(--accent-text);
    text-decoration: none;
    border-radius: 3px;
  }
  a:hover {
    text-decoration: underline;
    text-underline-offset: 3px;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: var(--s8);
    min-height: 32px;
    padding: 0 var(--s12);
    border: 1px solid var(--line);
    border-radius: var(--r6);
    background: var(--raised);
    color: var(--text);
    font: 500 var(--t13) / 1 var(--sans);
    cursor: pointer;
    white-space: nowrap;
    transition:
      border-color var(--quick),
      background var(--quick);
  }
  button:hover:not(:disabled) {
    border-color: var(--line-strong);
  }
  button:disabled {
    opacity: 0.5;
    cursor: default;
  }
  button.primary {
    border-color: var(--accent);
    background: var(--accent);
    color: hsl(0 0% 100%);
    font-weight: 600;
  }
  button.primary:hover:not(:disabled) {
    background: hsl(273 62% 54%);
  }
  button.plain {
    border-color: transparent;
    background: transparent;
  }
  button.plain:hover:not(:disabled) {
    background: var(--accent-wash);
  }
  input,
  textarea,
  select {
    width: 100%;
    min-height: 36px;
    padding: var(--s4) var(--s12);
    border: 1px solid var(--line-strong);
    border-radius: var(--r6);
    background: var(--bg);
    color: var(--text);
    font: var(--t15) / 1.5 var(--sans);
  }
  textarea {
    padding: var(--s8) var(--s12);
    resize: vertical;
  }
  input::placeholder,
  textarea::placeholder {
    color: var(--muted);
    opacity: 1;
  }
  input:focus-visible,
  textarea:focus-visible,
  select:focus-visible {
    outline-offset: 0;
    border-color: var(--accent);
  }
  label {
    display: block;
    margin-bottom: var(--s4);
    color: var(--muted);
    font-size: var(--t13);
  }
  .facts {
    display: grid;
    grid-template-columns: max-content minmax(0, 1fr);
    align-items: baseline;
    gap: var(--s8) var(--s24);
    font-size: var(--t13);
  }
  .facts dt {
    color: var(--muted);
  }
  .note {
    padding: var(--s12) var(--s16);
    border-left: 3px solid var(--line-strong);
    background: var(--surface);
    border-radius: 0 var(--r6) var(--r6) 0;
    font-size: var(--t13);
  }
  .note.refused {
    border-color: var(--refused);
    background: var(--refused-wash);
  }
  .note.warn {
    border-color: var(--warn);
    background: var(--warn-wash);
  }
  .empty {
    display: grid;
    justify-items: center;
    gap: var(--s12);
    padding: var(--s48) var(--s16);
    color: var(--muted);
    text-align: center;
  }
  .empty > code {
    padding: var(--s8) var(--s12);
    border: 1px solid var(--line);
    border-radius: var(--r6);
    background: var(--surface);
    color: var(--text);
    overflow-wrap: anywhere;
  }
  .hidden-label {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  kbd {
    padding: 1px 5px;
    border: 1px solid var(--line);
    border-radius: 4px;
    color: var(--muted);
    font: var(--t12) / 1.4 var(--mono);
  }
  .page {
    max-width: 1080px;
    margin: 0 auto;
    padding: var(--s24);
  }
  .page > * + * {
    margin-top: var(--s24);
  }
  .page h1 {
    font-size: var(--t24);
    font-weight: 600;
    line-height: 1.25;
    letter-spacing: -0.01em;
  }
  .lede {
    max-width: 68ch;
    margin-top: var(--s8);
    color: var(--muted);
  }
  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--s8);
  }
  .spread {
    justify-content: space-between;
  }
  table {
    width: 100%;
    border-collapse: collapse;
    font-size: var(--t13);
  }
  th {
    padding: var(--s8) var(--s12) var(--s8) 0;
    border-bottom: 1px solid var(--line);
    color: var(--muted);
    font-weight: 500;
    text-align: left;
  }
  td {
    padding: var(--s8) var(--s12) var(--s8) 0;
    border-bottom: 1px solid var(--line);
    vertical-align: baseline;
  }
  .scroll-x {
    overflow-x: auto;
  }
  @media (max-width: 700px) {
    .page {
      padding: var(--s16);
    }
    .facts {
      grid-template-columns: minmax(0, 1fr);
      gap: 0;
    }
    .scroll-x table {
      min-width: 520px;
    }
    .facts dd {
      margin-bottom: var(--s8);
    }
    button,
    .button {
      min-height: 40px;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation: none !important;
      transition: none !important;
    }
  }
`;
