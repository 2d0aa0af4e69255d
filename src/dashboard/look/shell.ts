/** The page's frame. */

import { css } from "lit";

export const shell = css`
  :host {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    grid-template-rows: auto auto auto minmax(0, 1fr);
    height: 100dvh;
    overflow: hidden;
  }
  .skip {
    position: absolute;
    left: var(--s16);
    top: -60px;
    z-index: 10;
    padding: var(--s8) var(--s16);
    border-radius: var(--r6);
    background: var(--raised);
  }
  .skip:focus {
    top: var(--s8);
  }
  .bar {
    grid-row: 1;
    display: flex;
    align-items: center;
    gap: var(--s12);
    min-height: 52px;
    padding: 0 var(--s8) 0 var(--s16);
    border-bottom: 1px solid var(--line);
    background: var(--surface);
  }
  .mark {
    display: inline-flex;
    align-items: center;
    gap: var(--s8);
    color: var(--text);
    font-size: var(--t15);
    font-weight: 700;
    letter-spacing: 0.06em;
  }
  .mark:hover {
    text-decoration: none;
  }
  .mark svg {
    width: 22px;
    height: 22px;
  }
  .hex {
    fill: var(--accent);
  }
  .tick {
    fill: none;
    stroke: hsl(0 0% 100%);
    stroke-width: 3.2;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .name,
  .bar select {
    color: var(--muted);
    font: 500 var(--t13) / 1 var(--mono);
  }
  .bar select {
    width: auto;
    max-width: 180px;
    min-height: 32px;
    padding: 0 var(--s8);
    border-color: transparent;
    background: transparent;
  }
  .bar select:hover {
    border-color: var(--line);
  }
  .name::before,
  .bar label + select {
    content: "";
  }
  .find {
    width: min(320px, 26vw);
    margin-left: var(--s24);
    justify-content: flex-start;
    background: var(--bg);
    color: var(--muted);
    font-weight: 400;
  }
  .find span {
    flex: 1;
    text-align: left;
  }
  .bar button svg,
  .theme svg {
    width: 15px;
    height: 15px;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.6;
    stroke-linecap: round;
  }
  .half {
    fill: currentColor;
    stroke: none;
  }
  .gap {
    flex: 1;
  }
  /* Whatever else gives way, what stands at the end of the bar is whole. */
  .bar tes-pulse {
    flex: none;
  }
  .theme {
    padding: 0 var(--s8);
  }
  .who {
    max-width: 260px;
  }
  .who .sub {
    overflow: hidden;
    text-overflow: ellipsis;
  }
  nav {
    grid-row: 2;
    display: flex;
    align-items: center;
    border-bottom: 1px solid var(--line);
    background: var(--surface);
  }
  nav .theme {
    display: none;
    flex: none;
  }
  nav ul {
    flex: 1;
    min-width: 0;
    overflow-x: auto;
    scrollbar-width: none;
    display: flex;
    gap: var(--s4);
    padding: 0 var(--s8);
  }
  nav a {
    display: block;
    padding: 10px var(--s8) 9px;
    border-bottom: 2px solid transparent;
    border-radius: 0;
    color: var(--muted);
    font-size: var(--t13);
    font-weight: 500;
    line-height: 1.4;
  }
  nav a:hover {
    color: var(--text);
    text-decoration: none;
  }
  nav a:focus-visible {
    outline-offset: -2px;
  }
  nav a[aria-current] {
    border-color: var(--accent);
    color: var(--text);
  }
  .banners {
    grid-row: 3;
  }
  .banner {
    display: flex;
    align-items: center;
    flex-wrap: wrap;
    gap: var(--s4) var(--s16);
    min-height: 44px;
    padding: var(--s4) var(--s16);
    border-bottom: 1px solid var(--line);
    background: var(--warn-wash);
  }
  .banner tes-badge {
    white-space: normal;
    line-height: 1.4;
  }
  .banner.notice {
    background: var(--accent-wash);
  }
  .banner.notice .row {
    gap: var(--s4) var(--s8);
    font-size: var(--t13);
  }
  .banner.refused {
    border-bottom-color: var(--refused);
    background: var(--refused-wash);
  }
  .columns {
    grid-row: 4;
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    grid-template-rows: minmax(0, 1fr);
    min-height: 0;
    position: relative;
  }
  .columns.with-tree {
    grid-template-columns: minmax(260px, 340px) minmax(0, 1fr);
  }
  .columns.with-drawer {
    grid-template-columns: minmax(0, 1fr) 420px;
  }
  .columns.with-tree.with-drawer {
    grid-template-columns: minmax(260px, 340px) minmax(0, 1fr) 420px;
  }
  aside.tree {
    min-height: 0;
    border-right: 1px solid var(--line);
    background: var(--surface);
  }
  main {
    min-height: 0;
    min-width: 0;
    overflow-y: auto;
    outline: none;
  }
  .drawer {
    min-height: 0;
    overflow-y: auto;
    border-left: 1px solid var(--line);
    background: var(--surface);
    animation: slide 150ms ease-out;
  }
  @keyframes slide {
    from {
      transform: translateX(16px);
      opacity: 0;
    }
  }
  .loading {
    display: grid;
    place-items: center;
    min-height: 240px;
    padding: var(--s16);
  }
  .loading .row {
    margin-top: var(--s16);
  }
  @media (max-width: 1000px) {
    .find {
      flex: 0 1 200px;
      width: auto;
      min-width: 0;
      margin-left: 0;
    }
    .find kbd,
    .who .sub {
      display: none;
    }
  }
  @media (max-width: 1199px) {
    .columns.with-drawer,
    .columns.with-tree.with-drawer {
      grid-template-columns: minmax(0, 1fr);
    }
    .columns.with-tree.with-drawer {
      grid-template-columns: minmax(220px, 300px) minmax(0, 1fr);
    }
    .columns.with-tree {
      grid-template-columns: minmax(220px, 300px) minmax(0, 1fr);
    }
    .drawer {
      position: absolute;
      inset: 0 0 0 auto;
      z-index: 4;
      width: min(440px, 100%);
      box-shadow: var(--shadow);
    }
  }
  @media (max-width: 700px) {
    .bar {
      gap: var(--s8);
      padding-left: var(--s12);
    }
    .mark span,
    .name {
      display: none;
    }
    /* Still the button's name. */
    .find span {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
    }
    .find {
      flex: none;
      padding: 0 var(--s8);
    }
    .bar select {
      flex: 0 1 auto;
      min-width: 0;
      max-width: 110px;
    }
    .columns.with-tree,
    .columns.with-tree.with-drawer {
      grid-template-columns: minmax(0, 1fr);
    }
    /* The columns become pages: the tree until something is chosen, then that. */
    .columns.with-tree:not(.chosen) main,
    .columns.with-tree.chosen .tree {
      display: none;
    }
    aside.tree {
      border-right: 0;
    }
    .drawer {
      width: 100%;
      border-left: 0;
      animation-name: rise;
    }
    @keyframes rise {
      from {
        transform: translateY(16px);
        opacity: 0;
      }
    }
  }
  @media (max-width: 420px) {
    .bar .theme,
    .gap {
      display: none;
    }
    nav .theme {
      display: inline-flex;
      min-height: 38px;
      padding: 0 var(--s12);
      border-left-color: var(--line);
      border-radius: 0;
    }
    .bar tes-pulse {
      margin-left: auto;
    }
  }
`;
