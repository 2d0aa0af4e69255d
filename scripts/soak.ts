/**
 * Many subscribers, many bumps, and a long log, against an authority of its own. Run: npm run soak -- [--subscribers 2000]
 * [--bumps 1000] [--log 100000] [--gigabytes 5] [--seed SEED]
 *
 * Then one large file: through the client, killed and damaged on the way (soak-artifacts.ts), and through the command
 * line (soak-release.ts).
 *
 * Every subscriber must get every statement once, in order, proved. Prints what a socket costs in memory and how the
 * cost of an event grows from 100 subscribers on. Stops with 1 at the first thing that is not as promised.
 */

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createClient } from "../src/client/index.ts";
import { prepareData, type Served, serve } from "../test/e2e/support/authority.ts";
import { declaration, sendWrite, startLoad } from "../test/e2e/support/bumps.ts";
import { rollDice } from "../test/e2e/support/dice.ts";
import { openWire, type Wire } from "../test/e2e/support/http.ts";
import { keyOf, mintToken } from "../test/e2e/support/keys.ts";
import { makePlace, type Place } from "../test/e2e/support/place.ts";
import { createProver, openWatcher, openWatchers, type Prover, type Watcher } from "../test/e2e/support/watchers.ts";

const { values } = parseArgs({
  options: {
    subscribers: { type: "string", default: "2000" },
    bumps: { type: "string", default: "1000" },
    log: { type: "string", default: "100000" },
    gigabytes: { type: "string", default: "5" },
    seed: { type: "string" },
  },
});
const seed = values.seed ?? randomBytes(4).toString("hex");
const [SUBSCRIBERS, BUMPS, LOG] = [values.subscribers, values.bumps, values.log].map(Number) as [
  number,
  number,
  number,
];
for (const number of [SUBSCRIBERS, BUMPS, LOG]) {
  if (!Number.isSafeInteger(number) || number < 0)
    throw new Error("--subscribers, --bumps and --log take whole numbers");
}
const WRITERS = 16;
const STEPS = [100, 500, 1_000, 2_000];

interface Soak {
  readonly place: Place;
  readonly authority: Served;
  readonly wire: Wire;
  readonly token: string;
}

async function open(label: string): Promise<Soak> {
  const place = await makePlace();
  const signing = keyOf(`${seed} ${label}`);
  await prepareData(place, { signing, recovery: keyOf(`${seed} ${label} recovery`) });
  const authority = await serve(place);
  const wire = openWire(authority.url);
  const token = mintToken(signing);
  await sendWrite(wire, token, declaration("declare"));
  return { place, authority, wire, token };
}

async function usage(pid: number): Promise<{ rss: number; cpuMs: number }> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const stat = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1]!.split(" ");
  // Fields 14 and 15 of proc(5), in ticks of 10 ms.
  return { rss: Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024, cpuMs: (Number(stat[11]) + Number(stat[12])) * 10 };
}

const now = () => performance.now() / 1000;

async function subscribers(): Promise<void> {
  const { place, authority, wire, token } = await open("subscribers");
  await using _place = place;
  using _wire = wire;
  const pid = authority.pids.workerd;
  const prover = createProver();
  const watchers: Watcher[] = [];
  const dice = rollDice(seed);
  let size = 2;
  const idle = await usage(pid);
  const rounds = STEPS.filter((step) => step < SUBSCRIBERS).concat(SUBSCRIBERS);
  for (const [round, step] of rounds.entries()) {
    const opening = now();
    const options = { url: authority.url, prover };
    watchers.push(
      ...(await openWatchers(step - watchers.length, dice.between(0, 1) === 0 ? options : { ...options, token })),
    );
    await Promise.all(watchers.map((watcher) => watcher.reached(size)));
    const opened = await usage(pid);
    const count = round === rounds.length - 1 ? BUMPS : 100;
    const began = now();
    const before = prover.events;
    const load = startLoad(wire, { token, clients: WRITERS, each: Math.ceil(count / WRITERS), name: `soak${round}` });
    await load.done;
    size += load.writes.length;
    await Promise.all(watchers.map((watcher) => watcher.reached(size)));
    const seconds = now() - began;
    const after = await usage(pid);
    const events = prover.events - before;
    const cpu = after.cpuMs - opened.cpuMs;
    console.log(
      `${String(step).padStart(5)} subscribers (connected in ${(began - opening).toFixed(1)} s) × ${load.writes.length} bumps in ` +
        `${seconds.toFixed(1)} s: ${events} events, ${((cpu / events / step) * 1000).toFixed(1)} µs CPU an event and subscriber, ` +
        `memory ${opened.rss.toFixed(0)} MiB connected, ${after.rss.toFixed(0)} MiB after: ` +
        `${(((after.rss - idle.rss) * 1024) / step).toFixed(0)} KiB a socket`,
    );
  }
  if (watchers.some(({ next }) => next !== size) || prover.size !== size) throw new Error("somebody missed something");
  console.log(`held: ${watchers.length} subscribers have ${size} statements each, in order, proved`);
  for (const { ws } of watchers) ws.terminate();
  await authority.stop();
}

async function longLog(): Promise<void> {
  const { place, authority, wire, token } = await open("log");
  await using _place = place;
  using _wire = wire;
  const began = now();
  const load = startLoad(wire, { token, clients: 64, each: Math.ceil(LOG / 64), name: "long" });
  await load.done;
  const size = 2 + load.writes.length;
  console.log(`a log of ${size} statements, written in ${(now() - began).toFixed(0)} s`);

  const prover: Prover = createProver();
  const reading = now();
  const watcher = await openWatcher({ url: authority.url, prover });
  await watcher.reached(size);
  console.log(
    `since 0, by ws and the other implementation: ${prover.events} events in ${(now() - reading).toFixed(1)} s`,
  );
  watcher.ws.terminate();

  // Our own client; the authority is killed twice while it reads.
  const client = createClient({ url: authority.url, trustFirst: true });
  const dice = rollDice(`${seed}/log`);
  const kills = [dice.between(1, size / 2), dice.between(size / 2, size - 2)].map(Math.floor);
  let serving = authority;
  let [next, outages] = [0, 0];
  const following = now();
  const onConnection = ({ state }: { state: string }) => {
    if (state === "waiting") outages++;
  };
  for await (const { index } of client.watch({ since: 0, onConnection })) {
    if (index !== next) throw new Error(`${next} was due, and ${index} came`);
    next++;
    if (index === kills[0]) {
      kills.shift();
      serving.kill("workerd");
      await serving.run.exited;
      serving = await serve(place, { args: ["--port", new URL(authority.url).port] });
    }
    if (next === size) break;
  }
  console.log(
    `since 0, by our client over ${outages} outages: ${next} statements in ${(now() - following).toFixed(1)} s`,
  );
  await serving.stop();
}

console.log(`seed ${seed}`);
try {
  if (SUBSCRIBERS > 0) await subscribers();
  if (LOG > 0) await longLog();
  const gigabytes = ["--gigabytes", values.gigabytes];
  if (Number(values.gigabytes) > 0) {
    const bun = join(import.meta.dirname, "..", "node_modules/.bin/bun");
    const run = (script: string, ...args: string[]) =>
      execFileSync(bun, [join(import.meta.dirname, script), ...gigabytes, ...args], { stdio: "inherit" });
    run("soak-artifacts.ts", "--seed", seed);
    run("soak-release.ts");
  }
} catch (thrown) {
  console.error(`broken under the seed ${seed}:`, thrown);
  process.exitCode = 1;
}
