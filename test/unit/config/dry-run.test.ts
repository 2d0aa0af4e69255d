import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dryRun, findWrangler, readBlocks } from "../../../src/cli/config/dry-run.ts";
import { MAX_DRY_RUN_MS, MAX_DRY_RUN_OUTPUT_CHARS } from "../../../src/core/limits.ts";

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

test("a wrangler that does not end is killed after its limit, and one that says too much is cut off", async () => {
  const root = mkdtempSync(join(tmpdir(), "tes-limits-"));
  try {
    const run = (code: string, limitMs = MAX_DRY_RUN_MS) => {
      writeFileSync(join(root, "wrangler.js"), code);
      return dryRun(
        { script: join(root, "wrangler.js"), version: "0", from: "tes" },
        join(root, "wrangler.toml"),
        null,
        limitMs,
      );
    };
    expect(await run("setInterval(() => {}, 1000);", 200)).toMatchObject({
      exit: 1,
      errors: ["It did not end within 0.2 seconds."],
    });
    const saying = (length: number) => `process.stdout.write("x".repeat(${length - 1}) + "\\n✘ [ERROR] seen\\n");`;
    const short = MAX_DRY_RUN_OUTPUT_CHARS - "✘ [ERROR] seen".length;
    expect((await run(saying(short))).errors).toEqual(["seen"]);
    expect((await run(saying(short + 1))).errors).toEqual(["see"]);
    expect((await run(saying(MAX_DRY_RUN_OUTPUT_CHARS))).errors).toEqual([]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
