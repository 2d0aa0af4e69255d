/** The client's one suite in every runtime, against one authority. Each runs the same tests, none fewer. */

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as client from "../../src/client/index.ts";
import { prepareData, serve } from "../e2e/support/authority.ts";
import { keyOf, mintToken } from "../e2e/support/keys.ts";
import { makePlace, type Place } from "../e2e/support/place.ts";
import { type Outcome, RUNTIMES } from "./runtimes.ts";
import { suite, type Target } from "./suite.ts";

const NAMES = namesOf();
let place: Place;
let redirector: Server;
let shared: Omit<Target, "name" | "canary">;

beforeAll(async () => {
  place = await makePlace();
  const signing = keyOf("runtimes");
  await prepareData(place, { signing, recovery: keyOf("runtimes, recovery") });
  const { url } = await serve(place);
  const token = mintToken(signing);
  const founder = client.createClient({ url, trustFirst: true, token });
  await founder.declare(
    RUNTIMES.flatMap(({ id }) => [
      { entity: `global:${id}`, version: "1.0.0" },
      { entity: `component:${id}`, version: "1.0.0", parent: `global:${id}`, strategy: "linked" as const },
    ]),
  );
  redirector = redirectTo(url);
  await new Promise<void>((resolve) => redirector.listen(0, "127.0.0.1", resolve));
  const { port } = redirector.address() as AddressInfo;
  shared = { url, token, genesis: (await founder.trust()).genesis, redirector: `http://127.0.0.1:${port}` };
});

afterAll(async () => {
  redirector.closeAllConnections();
  redirector.close();
  await place[Symbol.asyncDispose]();
});

test("the suite has tests of its own names", () => {
  expect(NAMES.length).toBeGreaterThan(50);
  expect(new Set(NAMES).size).toBe(NAMES.length);
});

for (const { id, name, missing, inspects, run } of RUNTIMES) {
  if (missing !== undefined) console.warn(`Not run in ${name}: ${missing}.`);
  describe.skipIf(missing !== undefined)(name, () => {
    const canary = `canary-${id}-${"x".repeat(20)}`;
    let outcome: Outcome;

    beforeAll(async () => {
      outcome = await run({ ...shared, name: id, canary }, place.dir);
      console.log(`${name}: ${outcome.version}, ${outcome.results.length} tests`);
    });

    test("runs every test, in their order", () => {
      expect(outcome.results.map((result) => result.name)).toEqual(NAMES);
    });

    test.each(NAMES)("%s", (wanted) => {
      const result = outcome.results.find((one) => one.name === wanted);
      expect(result?.error).toBeUndefined();
      expect(result?.ok).toBe(true);
    });

    test("printed what the suite logs, and no secret in it", () => {
      expect(outcome.printed).toContain("to the console:");
      expect(outcome.printed).toContain(inspects ? "[secret]" : "Secret");
      expect(outcome.printed).not.toContain(canary);
      expect(outcome.printed).not.toContain(shared.token);
    });
  });
}

/** What the suite would run: asked of itself, without running anything. */
function namesOf(): string[] {
  const names: string[] = [];
  suite({
    client,
    url: "http://127.0.0.1:1",
    genesis: "0".repeat(64),
    token: "a.b.c",
    name: "none",
    redirector: "http://127.0.0.1:1",
    canary: "none",
    inspectors: [],
    test: (name) => names.push(name),
  });
  return names;
}

/** Sends everybody on to the authority, and lets a page of another origin ask. */
function redirectTo(url: string): Server {
  return createServer((request, response) => {
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-allow-headers", "tes-nonce, tes-min-size");
    const status = request.method === "OPTIONS" ? 204 : 302;
    response.writeHead(status, status === 302 ? { location: `${url}${request.url}` } : {}).end();
  });
}
