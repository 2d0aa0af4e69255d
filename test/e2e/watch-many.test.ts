/** 200 subscribers, 200 bumps: every one of them gets every statement once, in order, proved. */

import { expect, test } from "vitest";
import { prepareData, serve } from "./support/authority.ts";
import { declaration, sendWrite, startLoad } from "./support/bumps.ts";
import { openWire } from "./support/http.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace } from "./support/place.ts";
import { createProver, openWatchers } from "./support/watchers.ts";

const SUBSCRIBERS = 200;
const BUMPS = 200;
const WRITERS = 8;

test(`${SUBSCRIBERS} subscribers × ${BUMPS} bumps`, async () => {
  await using place = await makePlace();
  const signing = keyOf("watch many");
  await prepareData(place, { signing, recovery: keyOf("watch many recovery") });
  const authority = await serve(place);
  using wire = openWire(authority.url);
  const token = mintToken(signing);
  await sendWrite(wire, token, declaration("declare"));

  const prover = createProver();
  const { url } = authority;
  const halves = await Promise.all([
    openWatchers(SUBSCRIBERS / 2, { url, prover }, 25),
    openWatchers(SUBSCRIBERS / 2, { url, prover, token }, 25),
  ]);
  const watchers = halves.flat();
  const load = startLoad(wire, { token, clients: WRITERS, each: BUMPS / WRITERS, name: "watched" });
  const size = 2 + BUMPS;
  await Promise.all([load.done, ...watchers.map((watcher) => watcher.reached(size))]);

  expect(new Set(watchers.map(({ next }) => next))).toEqual(new Set([size]));
  // What was acknowledged to the writers is what everyone saw.
  for (const { receipt } of load.writes) expect(prover.statements[receipt!.statement.seq]).toEqual(receipt!.statement);
  expect(prover.size).toBe(size);
  // One event for a checkpoint, not one for a statement.
  expect(prover.events).toBeLessThanOrEqual(BUMPS + 3);
  for (const watcher of watchers) watcher.ws.terminate();
  expect(await authority.stop()).toBe(0);
}, 30_000);
