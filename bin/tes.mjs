#!/usr/bin/env node
/**
 * Starts the command line. In a checkout Bun runs the TypeScript as it is; the published package has it built, and the
 * running Node takes it. Plain JavaScript on Node 20, since it has to speak before anything is installed.
 */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import { installedPrograms, installProblem, missingPrograms } from "./installed.mjs";

const SOURCE = fileURLToPath(new URL("../src/cli/entry.ts", import.meta.url));
const BUILT = new URL("../dist/cli/main.js", import.meta.url);
const BUILT_NEEDS_NODE = 22;
/** Commands that start nothing which has to end with them. In this process's place they are quicker by a third. */
const EXECUTED = ["config"];
/** execve(2): in Node 24 and later, not on Windows. */
const REPLACES_ITSELF =
  Number.parseInt(process.versions.node, 10) >= 24 &&
  typeof process.execve === "function" &&
  process.platform !== "win32";
const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP"];

const args = process.argv.slice(2);
if (existsSync(SOURCE)) runSource();
else await runBuilt();

function runSource() {
  const missing = missingPrograms();
  if (missing.length > 0) {
    process.stderr.write(installProblem(missing, args.includes("--json")));
    process.exitCode = 1;
    return;
  }
  const bun = installedPrograms().bun;
  if (EXECUTED.includes(args[0]) && REPLACES_ITSELF) process.execve(bun, [bun, SOURCE, ...args], process.env);
  // The channel carries no messages: it closes when this process is killed, and tes then stops like on a signal.
  const child = spawn(bun, [SOURCE, ...args], { stdio: ["inherit", "inherit", "inherit", "ipc"] });
  for (const signal of PASSED_ON) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`error Bun does not start: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

async function runBuilt() {
  if (Number.parseInt(process.versions.node, 10) < BUILT_NEEDS_NODE) {
    process.stderr.write(
      `error This package runs on Node ${BUILT_NEEDS_NODE} or later, and this is ${process.version}.\n`,
    );
    process.exitCode = 1;
    return;
  }
  const { run } = await import(BUILT.href);
  process.exitCode = await run(args);
}
