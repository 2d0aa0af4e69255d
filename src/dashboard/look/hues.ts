/** The mark before a statement: a small square in the hue of its channel. */

import { css } from "lit";

export const hues = css`
  .hue {
    width: 8px;
    height: 8px;
    border-radius: 2px;
    background: var(--channel-core);
  }
  .version {
    background: var(--channel-version);
  }
  .warning {
    background: var(--channel-warning);
  }
  .alert {
    background: var(--channel-alert);
  }
  .external {
    background: var(--channel-external);
  }
`;
