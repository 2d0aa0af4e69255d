/** Runs one piece of plain JavaScript in the runtimes that have a WebSocket of their own. */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const run = promisify(execFile);
const CHROMIUM = "/usr/bin/chromium";
const LIMIT_MS = 30_000;

export interface Runtime {
  readonly name: string;
  /** Why it is not here; null when it is. */
  readonly missing: string | null;
  /** Runs the body of an async function of `url` and gives what it returns, by way of JSON. */
  evaluate(body: string, url: string): Promise<unknown>;
}

const onPath = (program: string): string | undefined =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((dir) => join(dir, program))
    .find(existsSync);

/** A module that ends by printing the result. */
async function evaluateIn(program: string, args: readonly string[], body: string, url: string): Promise<unknown> {
  const dir = await mkdtemp(join(tmpdir(), "tes-runtime-"));
  try {
    const file = join(dir, "main.mjs");
    await writeFile(file, `console.log(JSON.stringify(await (async (url) => {${body}})(${JSON.stringify(url)})));\n`);
    const { stdout } = await run(program, [...args, file], { timeout: LIMIT_MS, cwd: dir });
    return JSON.parse(stdout);
  } finally {
    await rm(dir, { recursive: true });
  }
}

function program(name: string, args: readonly string[] = []): Runtime {
  const path = onPath(name);
  return {
    name,
    missing: path === undefined ? `${name} is not on PATH` : null,
    evaluate: (body, url) => evaluateIn(path!, args, body, url),
  };
}

/** In a page of the authority itself, as a dashboard would be. */
const browser: Runtime = {
  name: "chromium",
  missing: existsSync(CHROMIUM) ? null : `${CHROMIUM} is not installed`,
  async evaluate(body, url) {
    // The sandbox needs rights that a container does not have; the page is our own.
    const started = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
    try {
      const page = await started.newPage();
      await page.goto(`${url}/healthz`);
      return await page.evaluate(`(async (url) => {${body}})(${JSON.stringify(url)})`);
    } finally {
      await started.close();
    }
  },
};

export const RUNTIMES: readonly Runtime[] = [
  program("node"),
  program("bun"),
  program("deno", ["run", "--allow-net", "--quiet"]),
  browser,
];
