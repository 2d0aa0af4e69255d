/** The suite in a process of Bun, Node or Deno. Reads a Target from TES_SUITE, and writes its results to stdout. */

import { inspect } from "node:util";
import * as source from "../../../src/client/index.ts";
import { RESULT_MARK, runSuite } from "../run.ts";
import type { Client, Target } from "../suite.ts";

interface Inspecting {
  readonly inspect?: (value: unknown) => string;
}

/** `client`: a built client to test in place of the sources, as a URL. */
const { client: built, ...target } = JSON.parse(process.env.TES_SUITE!) as Target & { readonly client?: string };
const { Bun, Deno } = globalThis as { readonly Bun?: Inspecting; readonly Deno?: Inspecting };
const inspectors = [Bun?.inspect, Deno?.inspect, (value: unknown) => inspect(value, { depth: 9, showHidden: true })];

await runSuite(
  {
    ...target,
    client: built === undefined ? source : ((await import(built)) as Client),
    inspectors: inspectors.filter((one) => one !== undefined),
  },
  (result) => console.log(`${RESULT_MARK}${JSON.stringify(result)}`),
);
