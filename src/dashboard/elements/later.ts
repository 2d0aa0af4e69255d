/** What a cold load does without. */

import type { Tab } from "../model/route.ts";

/** Pages that are fetched when they are first opened. */
export const LATER: Readonly<Partial<Record<Tab, () => Promise<unknown>>>> = {
  history: () => import("./history.ts"),
  releases: () => import("./releases.ts"),
  keys: () => import("./keys.ts"),
  guards: () => import("./guards.ts"),
  metrics: () => import("./metrics.ts"),
};
