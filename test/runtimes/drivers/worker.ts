/** The suite in a Worker: one request runs it and streams the results back. */

import { inspect } from "node:util";
import * as client from "../../../src/client/index.ts";
import { utf8 } from "../../../src/core/bytes.ts";
import { runSuite } from "../run.ts";
import type { Target } from "../suite.ts";

export default {
  fetch(_request: Request, env: { readonly TES_SUITE: string }): Response {
    const target = JSON.parse(env.TES_SUITE) as Target;
    const inspectors = [(value: unknown) => inspect(value, { depth: 9, showHidden: true })];
    const body = new ReadableStream({
      async start(controller) {
        await runSuite({ ...target, client, inspectors }, (result) =>
          controller.enqueue(utf8(`${JSON.stringify(result)}\n`)),
        );
        controller.close();
      },
    });
    return new Response(body);
  },
};
