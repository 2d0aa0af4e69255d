import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dryRun, findWrangler, readBlocks } from "../../../src/cli/config/dry-run.ts";

test("wrangler's blocks come out without colours and frames", () => {
  const output = `
 \u001b[33m▲ \u001b[43;33m[\u001b[43;30mWARNING\u001b[43;33m]\u001b[0m \u001b[1mnot at the start of a line\u001b[0m
\u001b[33m▲ \u001b[43;33m[\u001b[43;30mWARNING\u001b[43;33m]\u001b[0m \u001b[1mProcessing wrangler.toml configuration:\u001b[0m

    - Unexpected fields found in durable_objects field: \u001b[1m"migrations"\u001b[0m


\u001b[31m✘ \u001b[41;31m[\u001b[41;97mERROR\u001b[41;31m]\u001b[0m \u001b[1mNo environment\u001b[0m

Total Upload: 1 KiB
`.replaceAll("\n", "\r\n");
  expect(readBlocks(output)).toEqual({
    warnings: [
      'Processing wrangler.toml configuration:\n\n    - Unexpected fields found in durable_objects field: "migrations"',
    ],
    errors: ["No environment"],
  });
});

test("the project's own wrangler comes first, then the one beside TES", async () => {
  const root = mkdtempSync(join(tmpdir(), "tes-wrangler-"));
  try {
    const config = join(root, "app/deep/wrangler.toml");
    expect(await findWrangler(config)).toMatchObject({ from: "tes" });
    const own = join(root, "app/node_modules/wrangler");
    mkdirSync(join(own, "bin"), { recursive: true });
    writeFileSync(join(own, "package.json"), '{"version":"9.8.7"}');
    writeFileSync(join(own, "bin/wrangler.js"), "");
    expect(await findWrangler(config)).toEqual({
      script: join(own, "bin/wrangler.js"),
      version: "9.8.7",
      from: "project",
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test("what it is asked to do, and that it stays off the network and out of the home directory", async () => {
  const root = mkdtempSync(join(tmpdir(), "tes-dry-"));
  try {
    const script = join(root, "wrangler.js");
    const say =
      "console.error('✘ [ERROR] ' + JSON.stringify([process.argv.slice(2), process.cwd(), process.env.WRANGLER_SEND_METRICS, process.env.WRANGLER_HIDE_BANNER, process.env.WRANGLER_LOG_PATH])); process.exitCode = 3;";
    writeFileSync(script, say);
    mkdirSync(join(root, "app"));
    const run = await dryRun({ script, version: "0", from: "tes" }, join(root, "app/wrangler.toml"), "staging");
    const [args, cwd, metrics, banner, log] = JSON.parse(run.errors[0]!);
    expect(args).toEqual([
      "deploy",
      "--dry-run",
      expect.stringMatching(/^--outdir=.*tes-dry-run-/),
      "--config=wrangler.toml",
      "--env=staging",
    ]);
    expect([run.exit, run.env, cwd, metrics, banner]).toEqual([3, "staging", join(root, "app"), "false", "true"]);
    expect(log).toMatch(/tes-dry-run-/);
    const top = await dryRun({ script, version: "0", from: "tes" }, join(root, "app/wrangler.toml"), null);
    expect(JSON.parse(top.errors[0]!)[0].at(-1)).toBe("--env=");
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
