/** The Workers as single files, and the dashboard's: bundled on the spot in a checkout, as built in the published package. */

import { copyFile, cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TesError } from "../../core/errors.ts";
import { buildDashboard } from "./dashboard.ts";
import { reasonOf } from "./data.ts";

/** File names in the run directory. */
export const WORKER_MODULE = "worker.js";
export const KV_MODULE = "kv-worker.js";
const DASHBOARD = "dash";

/** A checkout has this very file as TypeScript; the published package has the command line as one built file. */
const FROM_SOURCE = import.meta.url.endsWith(".ts");
const RUNTIME_MODULES = ["cloudflare:*", "node:*"];
const CONDITIONS = ["workerd", "worker", "browser"];

/**
 * Puts both Workers into a directory.
 *
 * @param workerEntry a source file to bundle in place of src/worker/worker.ts, for tests
 * @throws {TesError} `internal` with what the bundler said, `file_unwritable`
 */
export async function writeWorkers(directory: string, workerEntry?: string): Promise<void> {
  await Promise.all([
    writeWorker(workerEntry ?? beside("../../worker/worker.ts", "../worker.js"), join(directory, WORKER_MODULE)),
    writeWorker(beside("kv-worker.ts", "../kv-worker.js"), join(directory, KV_MODULE)),
  ]);
}

/**
 * Puts the dashboard's files into a directory of their own below `directory`: built in a checkout, copied in the
 * published package, so that neither changes under a workerd that runs.
 *
 * @returns the absolute path of that directory
 * @throws {TesError} `internal` with what the bundler said, `file_unwritable`
 */
export async function placeDashboard(directory: string): Promise<string> {
  const target = join(directory, DASHBOARD);
  try {
    await rm(target, { recursive: true, force: true });
    // workerd does not start on a directory that is not there.
    await mkdir(target, { recursive: true });
    if (FROM_SOURCE) await buildDashboard(target);
    else await cp(beside("", "../dash"), target, { recursive: true });
  } catch (cause) {
    if (cause instanceof TesError) throw cause;
    throw new TesError("file_unwritable", { detail: `${target}: ${reasonOf(cause)}`, cause });
  }
  return target;
}

function beside(source: string, built: string): string {
  return fileURLToPath(new URL(FROM_SOURCE ? source : built, import.meta.url));
}

async function writeWorker(entry: string, target: string): Promise<void> {
  const text = FROM_SOURCE || entry.endsWith(".ts") ? await bundleWorker(entry) : null;
  try {
    if (text === null) await copyFile(entry, target);
    else await writeFile(target, text);
  } catch (cause) {
    throw new TesError("file_unwritable", { detail: `${target}: ${reasonOf(cause)}`, cause });
  }
}

/** One ES module that needs nothing but workerd. */
export async function bundleWorker(entry: string): Promise<string> {
  const built = await Bun.build({
    entrypoints: [entry],
    format: "esm",
    target: "browser",
    conditions: CONDITIONS,
    external: RUNTIME_MODULES,
    throw: false,
  });
  const [output] = built.outputs;
  if (!built.success || output === undefined) {
    throw new TesError("internal", { detail: `Bundling ${entry} failed: ${built.logs.map(String).join("; ")}` });
  }
  return output.text();
}
