/**
 * Every runtime that the client is for, and how the suite is run in it. Node is the one that runs the tests; what npm
 * packs is tried on the oldest Node too, in test/package.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { COMPATIBILITY_DATE, capnpText } from "../../src/cli/local/config.ts";
import { workerdProgram } from "../../src/cli/local/programs.ts";
import { RESULT_MARK, type Result } from "./run.ts";
import type { Target } from "./suite.ts";

/** What came of running the suite in one runtime. */
export interface Outcome {
  readonly results: readonly Result[];
  /** Everything that the runtime printed. */
  readonly printed: string;
  /** Which release it was. */
  readonly version: string;
}

export interface Runtime {
  /** Short, for names of entities. */
  readonly id: string;
  readonly name: string;
  /** Why it cannot be run on this machine. */
  readonly missing?: string | undefined;
  /** Whether its console asks an object how it wants to be shown. Otherwise it shows a secret's name alone. */
  readonly inspects: boolean;
  readonly run: (target: Target, directory: string) => Promise<Outcome>;
}

const ROOT = join(import.meta.dirname, "..", "..");
const BIN = join(ROOT, "node_modules/.bin");
const DRIVERS = join(import.meta.dirname, "drivers");
const CHROMIUM = "/usr/bin/chromium";
/** How long a runtime may take for the whole suite. */
const RUN_LIMIT_MS = 60_000;

export const RUNTIMES: readonly Runtime[] = [
  {
    id: "bun",
    name: "Bun",
    inspects: true,
    run: (target, directory) => runProcess(join(BIN, "bun"), [], target, directory),
  },
  {
    id: "node",
    name: "Node",
    inspects: true,
    run: (target, directory) => runProcess(process.execPath, [], target, directory),
  },
  {
    id: "built",
    name: "Node, with the client as it is published",
    inspects: true,
    async run(target, directory) {
      const dist = join(directory, "dist");
      await runProgram(join(BIN, "bun"), [join(ROOT, "scripts/build.ts"), dist], directory);
      const client = pathToFileURL(join(dist, "client.js")).href;
      return runProcess(process.execPath, [], { ...target, client }, directory);
    },
  },
  {
    id: "deno",
    name: "Deno",
    inspects: true,
    run: (target, directory) => {
      const may = ["--allow-net=127.0.0.1", "--allow-env", "--no-remote", "--no-prompt", "--no-lock"];
      return runProcess(join(BIN, "deno"), ["run", ...may], target, directory);
    },
  },
  { id: "workerd", name: "workerd", inspects: true, run: runWorkerd },
  {
    id: "chromium",
    name: "Chromium",
    inspects: false,
    missing: existsSync(CHROMIUM) ? undefined : `${CHROMIUM} is not there; Debian has it as the package chromium`,
    run: runChromium,
  },
];

/** Runs the process driver: the sources as they are, without building anything. */
async function runProcess(
  program: string,
  args: readonly string[],
  target: Target & { readonly client?: string },
  directory: string,
): Promise<Outcome> {
  const env = { TES_SUITE: JSON.stringify(target) };
  const output = await runProgram(program, [...args, join(DRIVERS, "process.ts")], directory, env);
  const lines = output.split("\n");
  const results = lines.filter((line) => line.startsWith(RESULT_MARK)).map((line) => line.slice(RESULT_MARK.length));
  const version = (await runProgram(program, ["--version"], directory)).split("\n")[0]!;
  return { results: results.map((line) => JSON.parse(line) as Result), printed: output, version };
}

/** Runs the suite in a Worker under workerd itself, which may reach this machine and nothing else. */
async function runWorkerd(target: Target, directory: string): Promise<Outcome> {
  await bundle("worker.ts", join(directory, "suite-worker.js"), ["--external", "node:*", "--conditions", "workerd"]);
  const config = join(directory, "suite.capnp");
  await writeFile(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "suite", worker = (
      modules = [(name = "worker.js", esModule = embed "suite-worker.js")],
      compatibilityDate = ${capnpText(COMPATIBILITY_DATE)},
      compatibilityFlags = ["nodejs_compat"],
      bindings = [(name = "TES_SUITE", fromEnvironment = "TES_SUITE")],
      globalOutbound = "loopback"
    )),
    (name = "loopback", network = (allow = ["127.0.0.1/32"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "suite")]
);
`,
  );
  const env = { TES_SUITE: JSON.stringify(target) };
  const child = spawn(workerdProgram(), ["serve", config, "--control-fd=3"], {
    env,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const output = collect(child);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  try {
    const port = await Promise.race([
      listening(child.stdio[3] as Readable),
      ended.then(() => Promise.reject(new Error(`workerd ended: ${output()}`))),
    ]);
    const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(RUN_LIMIT_MS) });
    const lines = (await answer.text()).trim().split("\n");
    if (answer.status !== 200) throw new Error(`the Worker failed: ${answer.status} ${lines} ${output()}`);
    child.kill();
    await ended;
    const version = (await runProgram(workerdProgram(), ["--version"], directory)).trim();
    return { results: lines.map((line) => JSON.parse(line) as Result), printed: output(), version };
  } finally {
    child.kill("SIGKILL");
    await ended;
  }
}

/** The port that workerd chose. */
function listening(control: Readable): Promise<number> {
  return new Promise((resolve) => {
    let text = "";
    control.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const port = /"event":"listen".*"port":(\d+)/.exec(text)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
  });
}

/** Runs the suite in a page that comes, as the browser sees it, from the authority itself: no other origin is asked. */
async function runChromium(target: Target, directory: string): Promise<Outcome> {
  const script = join(directory, "suite-page.js");
  await bundle("page.ts", script, ["--conditions", "browser"]);
  const { chromium } = await import("playwright-core");
  const context = await chromium.launchPersistentContext(join(directory, "chromium"), {
    executablePath: CHROMIUM,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Nothing but this machine is to be reached, whatever else a browser would like to know.
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ],
  });
  try {
    // The redirect is asked of another port, for which a page needs leave since Chromium 142.
    await context.grantPermissions(["local-network-access"]);
    const page = await context.newPage();
    page.setDefaultTimeout(RUN_LIMIT_MS);
    let printed = "";
    // What the console is given, with the preview of each object that a developer would see.
    const inspector = await context.newCDPSession(page);
    inspector.on("Runtime.consoleAPICalled", (event) => {
      printed += `${JSON.stringify(event.args)}\n`;
    });
    page.on("console", (message) => {
      printed += `${message.text()}\n`;
    });
    await inspector.send("Runtime.enable");
    await page.route("**/suite.html", (route) =>
      route.fulfill({ contentType: "text/html", body: "<!doctype html><title>suite</title>" }),
    );
    await page.goto(`${target.url}/suite.html`);
    await page.addScriptTag({ path: script, type: "module" });
    // A module runs in a turn of its own, some time after its tag is there.
    await page.waitForFunction(() => "runSuite" in globalThis);
    const results = await page.evaluate((given) => {
      const { runSuite } = globalThis as unknown as { runSuite(target: Target): Promise<Result[]> };
      return runSuite(given);
    }, target);
    return { results, printed, version: `Chromium ${context.browser()?.version()}` };
  } finally {
    await context.close();
  }
}

async function bundle(driver: string, output: string, args: readonly string[]): Promise<void> {
  const options = ["build", join(DRIVERS, driver), "--outfile", output, "--format", "esm", "--target", "browser"];
  await runProgram(join(BIN, "bun"), [...options, ...args], ROOT);
}

/** Runs a program to its end. @returns all that it printed @throws with that when it fails or takes too long */
async function runProgram(
  program: string,
  args: readonly string[],
  directory: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const home = await mkdtemp(join(directory, "home-"));
  const child = spawn(program, args, {
    cwd: ROOT,
    // Deno looks for newer releases, and keeps what it compiled in its own directory.
    env: { PATH: process.env.PATH, HOME: home, DENO_DIR: join(home, "deno"), DENO_NO_UPDATE_CHECK: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const output = collect(child);
  const code = await new Promise<number | string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (exit, signal) => resolve(exit ?? signal));
  });
  if (code !== 0) throw new Error(`${program} ${args[0]}: ended with ${code}\n${output()}`);
  return output();
}

function collect(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  }
  return () => text;
}
