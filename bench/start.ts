/** From a start to the first signed answer. */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startAuthority } from "../src/cli/local/workerd.ts";
import { createClient, memoryPins } from "../src/client/index.ts";
import { benchEnv } from "./authority.ts";
import type { Bench, Line } from "./bench.ts";
import { cpuSeconds } from "./cpu.ts";
import { figure, shareOf, spreadOf, withSpread } from "./statistics.ts";
import { bundleBenchWorker, launchWorker, scratch } from "./workerd.ts";

const LAUNCHER = join(import.meta.dirname, "..", "bin", "tes.mjs");

/** Asks for the state and checks what comes, as a client that trusts what it sees first. */
const firstAnswer = (url: string): Promise<unknown> =>
  createClient({ url, store: memoryPins(), trustFirst: true }).state();

interface Start {
  readonly cpu: number;
  readonly wall: number;
}

async function startHello(directory: string): Promise<Start> {
  const begun = performance.now();
  await using worker = await launchWorker(directory, { entry: "hello.ts" });
  await worker.get("/");
  return { cpu: cpuSeconds(worker.pid), wall: performance.now() - begun };
}

async function startOurs(dataDir: string, workerEntry: string | undefined): Promise<Start> {
  const begun = performance.now();
  const authority = await startAuthority({ dataDir, port: 0, env: await benchEnv(), workerEntry });
  try {
    await firstAnswer(authority.url);
    return { cpu: cpuSeconds(authority.workerdPid), wall: performance.now() - begun };
  } finally {
    await authority.stop();
  }
}

/** Wall time of `tes serve` from its launcher on. */
async function startCommand(dataDir: string): Promise<number> {
  const begun = performance.now();
  const env = { PATH: process.env.PATH ?? "", HOME: dataDir, ...(await benchEnv()) };
  const child = spawn("node", [LAUNCHER, "serve", "--port", "0", "--json", "--data", join(dataDir, "tes")], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  try {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    createInterface({ input: child.stdout! }).once("line", resolve);
    child.once("exit", () => reject(new Error("tes serve ended by itself")));
    const { url } = JSON.parse(await promise) as { url: string };
    await firstAnswer(url);
    return performance.now() - begun;
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

export const start: Bench = {
  name: "start",
  title: "Start",
  method:
    "CPU time of the workerd process from its start to the first answer: of an authority that founds its registry or opens the one it has, checked by the client, against a Worker that answers `hello`. Wall times are for scale; `tes serve` bundles the Worker from source first.",
  async run({ effort, note, worker }) {
    await using helloPlace = await scratch();
    await bundleBenchWorker(helloPlace.dir, { entry: "hello.ts" });
    const [hello, founding, opening, command]: [Start[], Start[], Start[], number[]] = [[], [], [], []];
    await startHello(helloPlace.dir);
    for (let round = 0; round < effort.rounds; round++) {
      note(`start, round ${round + 1}`);
      await using place = await scratch();
      hello.push(await startHello(helloPlace.dir));
      founding.push(await startOurs(place.dir, worker));
      opening.push(await startOurs(place.dir, worker));
      command.push(await startCommand(place.dir));
    }
    const cpu = (starts: readonly Start[]) => starts.map((one) => one.cpu);
    const wall = (starts: readonly Start[]) => `${figure(spreadOf(starts.map((one) => one.wall)).median)} ms`;
    const against = (what: string, starts: readonly Start[]): Line => ({
      what,
      baseline: "hello, started",
      value: withSpread(shareOf(cpu(hello), cpu(starts))),
      beside: `${figure(1_000 * spreadOf(cpu(starts)).median)} against ${figure(1_000 * spreadOf(cpu(hello)).median)} ms of CPU; ${wall(starts)} against ${wall(hello)}`,
    });
    return [
      against("first signed answer, new registry", founding),
      against("first signed answer, registry on disk", opening),
      {
        what: "`tes serve` to its first signed answer",
        value: `${withSpread(spreadOf(command))} ms`,
        beside: "wall time, all processes",
      },
    ];
  },
};
