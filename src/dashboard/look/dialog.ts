/** Styles of dialogs. */

import { css } from "lit";

export const dialog = css`
  dialog {
    width: min(560px, calc(100vw - 32px));
    max-height: calc(100dvh - 48px);
    padding: 0;
    border: 1px solid var(--line);
    border-radius: var(--r10);
    background: var(--surface);
    color: var(--text);
    box-shadow: var(--shadow);
    overflow: auto;
  }
  dialog::backdrop {
    background: var(--backdrop);
  }
  dialog[open] {
    animation: rise 150ms ease-out;
  }
  @keyframes rise {
    from {
      opacity: 0;
      transform: translateY(8px);
    }
  }
  form {
    display: grid;
    gap: var(--s16);
    padding: var(--s24);
  }
  dialog h1 {
    font-size: var(--t18);
    font-weight: 600;
    line-height: 1.3;
  }
  .ends {
    display: flex;
    flex-wrap: wrap;
    justify-content: flex-end;
    gap: var(--s8);
  }
`;
