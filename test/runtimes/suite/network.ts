/** What this runtime's fetch does when nothing good comes back. */

import { equal, ok, refused } from "../asserts.ts";
import type { SuiteOptions } from "../suite.ts";

export function networkSuite({ test, client, url, genesis, redirector }: SuiteOptions): void {
  const { createClient } = client;

  test("a redirect is not followed", async () => {
    // The authority's own answer would come back, were it followed.
    await refused(createClient({ url: redirector, genesis, attempts: 1 }).state(), "answer_unsigned");
  });

  test("nobody listens", async () => {
    await refused(createClient({ url: "http://127.0.0.1:1", genesis, attempts: 1 }).state(), "authority_unreachable");
  });

  test("an answer that never comes is given up", async () => {
    const silent = createClient({
      url,
      genesis,
      attempts: 1,
      timeoutMs: 20,
      fetch: (_, { signal }) =>
        new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason))),
    });
    await refused(silent.state(), "authority_unreachable");
  });

  test("an answer that never ends is cut off", async () => {
    let [sent, cancelled] = [0, false];
    const chunk = new Uint8Array(1 << 20).fill(32);
    const endless = () =>
      new ReadableStream({
        pull: (controller) => {
          sent += chunk.length;
          controller.enqueue(chunk.slice());
        },
        cancel: () => {
          cancelled = true;
        },
      });
    const flooded = createClient({ url, genesis, attempts: 1, fetch: async () => new Response(endless()) });
    await refused(flooded.state(), "answer_too_large");
    ok(cancelled && sent < 128 << 20, `it was told to stop after ${sent} bytes`);
  });

  test("a failing authority is asked again, a little later each time", async () => {
    const waits: number[] = [];
    let failures = 0;
    const patient = createClient({
      url,
      genesis,
      delay: async (ms) => void waits.push(ms),
      fetch: (target, init) =>
        failures++ < 2 ? Promise.resolve(new Response("no", { status: 503 })) : fetch(target, init),
    });
    equal((await patient.state()).genesis, genesis);
    equal(waits.length, 2);
    ok(waits[0]! > 0 && waits[1]! > waits[0]!, `waits: ${waits}`);
  });
}
