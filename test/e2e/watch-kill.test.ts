/** The authority is killed under load and started again: every watcher goes on by itself, and misses nothing. */

import { expect, test } from "vitest";
import { createClient, type Watched } from "../../src/client/index.ts";
import { prepareData, type Served, serve } from "./support/authority.ts";
import { declaration, sendWrite, startLoad, type Write } from "./support/bumps.ts";
import { openWire } from "./support/http.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace } from "./support/place.ts";

const WATCHERS = 12;
const ROUNDS = 3;
const WRITERS = 16;
/** Receipts after which the kill comes: in the middle of what the writers have to do. */
const KILL_AFTER = 60;

test(`${ROUNDS} kills under load, ${WATCHERS} watchers: each has every statement once, in order`, async () => {
  await using place = await makePlace();
  const signing = keyOf("watch kill");
  await prepareData(place, { signing, recovery: keyOf("watch kill recovery") });
  let authority: Served = await serve(place);
  const { url } = authority;
  const port = new URL(url).port;
  const token = mintToken(signing);
  using wire = openWire(url);
  await sendWrite(wire, token, declaration("declare"));

  const stop = new AbortController();
  const outages = new Set<number>();
  const seen = Array.from({ length: WATCHERS }, () => [] as string[]);
  const last = Promise.withResolvers<void>();
  let size = Number.POSITIVE_INFINITY;
  const isDone = () => seen.every((texts) => texts.length >= size);
  const watchers = seen.map(async (texts, number) => {
    // Half of them prove a token, half are anonymous; each keeps its own pins.
    const client = createClient({ url, trustFirst: true, ...(number % 2 === 0 ? { token } : {}) });
    const onConnection = ({ state }: { state: string }) => state === "waiting" && outages.add(number);
    for await (const { index, json } of client.watch({ since: 0, signal: stop.signal, onConnection })) {
      const one: Watched["json"] = json;
      if (index !== texts.length) throw new Error(`watcher ${number} was given ${index}, and ${texts.length} was due`);
      texts.push(JSON.stringify(one));
      if (isDone()) last.resolve();
    }
  });
  const watching = Promise.all(watchers).then(() => undefined);
  watching.catch(last.reject);

  const writes: Write[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    let acknowledged = 0;
    const load = startLoad(wire, {
      token,
      clients: WRITERS,
      each: 10,
      name: `round${round}`,
      onAcknowledged: () => {
        if (++acknowledged === KILL_AFTER) authority.kill("workerd");
      },
    });
    await load.done;
    await authority.run.exited;
    authority = await serve(place, { args: ["--port", port] });
    // What nobody heard of is sent again under its own key.
    for (const write of load.writes) write.receipt ??= await sendWrite(wire, token, write);
    writes.push(...load.writes);
  }
  const state = JSON.parse((await wire.send("/v1/default")).text) as { size: number };
  size = state.size;
  if (isDone()) last.resolve();
  await last.promise;
  stop.abort();
  await watching;

  expect(size).toBe(2 + writes.length);
  for (const texts of seen) expect(texts).toEqual(seen[0]);
  for (const { receipt } of writes) {
    expect(JSON.parse(seen[0]![receipt!.statement.seq]!)).toEqual(receipt!.statement);
  }
  // They were connected when it was killed, all of them.
  expect(outages.size).toBe(WATCHERS);
  expect(await authority.stop()).toBe(0);
}, 60_000);
