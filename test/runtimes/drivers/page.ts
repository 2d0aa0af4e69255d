/** The suite in a page. Puts a function into its window that runs it. */

import * as client from "../../../src/client/index.ts";
import { type Result, runSuite } from "../run.ts";
import type { Target } from "../suite.ts";

Object.assign(globalThis, {
  async runSuite(target: Target): Promise<Result[]> {
    const results: Result[] = [];
    await runSuite({ ...target, client, inspectors: [] }, (result) => results.push(result));
    return results;
  },
});
