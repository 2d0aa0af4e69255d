/** How wrangler is run: what reaches it, what does not, and where it is cut off. A project's own script stands for it. */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { deployCommand } from "../../../src/cli/commands/key-deploy.ts";
import { proveKey } from "../../../src/cli/keys/proof.ts";
import type { CommandIo } from "../../../src/cli/output.ts";
import { faultOf, openWrangler, type WranglerTool } from "../../../src/cli/wrangler.ts";
import { parseMasterKey } from "../../../src/core/keys.ts";
import { MAX_PROPAGATION_MS, MAX_WRANGLER_MS, MAX_WRANGLER_OUTPUT_CHARS } from "../../../src/core/limits.ts";
import { Secret } from "../../../src/core/secret.ts";
import { keyOf } from "../../e2e/support/keys.ts";

const key = keyOf("wrangler unit").hex;
const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true });
});

/** A project whose own wrangler is this code. */
function install(code: string, env: Record<string, string> = {}, limitMs = MAX_WRANGLER_MS): Promise<WranglerTool> {
  const dir = mkdtempSync(join(tmpdir(), "tes-own-wrangler-"));
  made.push(dir);
  const own = join(dir, "node_modules/wrangler");
  mkdirSync(join(own, "bin"), { recursive: true });
  writeFileSync(join(own, "package.json"), '{"version":"9.9.9"}');
  writeFileSync(join(own, "bin/wrangler.js"), code);
  writeFileSync(join(dir, "wrangler.toml"), 'name = "x"\n');
  return openWrangler({ env: { PATH: process.env.PATH, ...env } }, join(dir, "wrangler.toml"), limitMs);
}

const ECHO = `
const { readFileSync } = require("node:fs");
let input = null;
try { input = readFileSync(0, "utf8"); } catch {}
const file = process.argv.find((arg) => arg.startsWith("--secrets-file="));
const secrets = file ? JSON.parse(readFileSync(file.slice(15), "utf8")) : null;
console.log(JSON.stringify({ args: process.argv.slice(2), input, secrets, env: process.env, cwd: process.cwd() }));
`;

test("a secret goes in on stdin alone; the keys of this process, and logs of bodies, do not reach it", async () => {
  const wrangler = await install(ECHO, {
    VERSION_SIGNING_KEY: key,
    VERSION_SIGNING_KEY_V2: key,
    TES_TOKEN: "a.b.c",
    CLOUDFLARE_API_TOKEN: "kept",
    WRANGLER_LOG: "debug",
    WRANGLER_LOG_SANITIZE: "false",
    WRANGLER_WRITE_LOGS: "true",
  });
  expect([wrangler.version, wrangler.from]).toEqual(["9.9.9", "project"]);
  const run = await wrangler.run(["secret", "put", "NAME"], "", { stdin: new Secret(key) });
  const seen = JSON.parse(run.stdout);
  expect(seen.args).toEqual(["secret", "put", "NAME", "--config=wrangler.toml", "--env="]);
  expect(seen.input).toBe(key);
  expect(seen.env).toMatchObject({
    CLOUDFLARE_API_TOKEN: "kept",
    WRANGLER_LOG: "log",
    WRANGLER_LOG_SANITIZE: "true",
    WRANGLER_WRITE_LOGS: "false",
    CI: "1",
  });
  expect(JSON.stringify(seen.env)).not.toContain(key);
  expect(seen.env).not.toHaveProperty("TES_TOKEN");
  expect(JSON.stringify({ ...run, stdout: "" })).not.toContain(key);
  const other = await wrangler.run(["secret", "list"], "production");
  expect(JSON.parse(other.stdout).args.at(-1)).toBe("--env=production");
  expect(JSON.parse((await wrangler.run(["kv", "namespace", "list"], null)).stdout).args.at(-1)).toBe(
    "--config=wrangler.toml",
  );
});

test("a secrets file is a pipe: its content is there once, and on no disk", async () => {
  const wrangler = await install(ECHO);
  const before = new Set(readdirSync(tmpdir()));
  const run = await wrangler.run(["deploy"], "", { secretsFile: { VERSION_SIGNING_KEY: new Secret(key) } });
  expect(JSON.parse(run.stdout).secrets).toEqual({ VERSION_SIGNING_KEY: key });
  expect(run.command).toBe("wrangler deploy --config=wrangler.toml --env= --secrets-file=<pipe>");
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith("tes-wrangler-") && !before.has(name))).toEqual([]);
  // One that never opens it ends all the same.
  const deaf = await install("process.exit(3)");
  expect((await deaf.run(["deploy"], "", { secretsFile: { A: new Secret("b") } })).exit).toBe(3);
});

test("one that does not end is ended, without waiting for what it started; one that says too much is cut off", async () => {
  const started = performance.now();
  const wrangler = await install(
    'require("node:child_process").spawn(process.execPath, ["-e", "setTimeout(() => {}, 5000)"], { stdio: "inherit" }); setInterval(() => {}, 1000);',
    {},
    300,
  );
  const run = await wrangler.run(["deploy"], "");
  expect(run.exit).not.toBe(0);
  expect(run.errors).toEqual(["It did not end within 0.3 seconds."]);
  expect(faultOf(run).code).toBe("wrangler_failed");
  expect(performance.now() - started).toBeLessThan(3_000);
  expect(MAX_WRANGLER_MS).toBeGreaterThan(300);
  const saying = (length: number) => install(`process.stdout.write("x".repeat(${length}))`);
  expect((await (await saying(MAX_WRANGLER_OUTPUT_CHARS)).run([], null)).stdout.length).toBe(MAX_WRANGLER_OUTPUT_CHARS);
  expect((await (await saying(MAX_WRANGLER_OUTPUT_CHARS + 1)).run([], null)).stdout.length).toBe(
    MAX_WRANGLER_OUTPUT_CHARS,
  );
});

test.each([
  ['Worker "tes" not found.', "worker_missing"],
  ['Worker "tes-staging" (env: staging) not found.', "worker_missing"],
  ["workers.api.error.service_not_found [code: 10090]", "worker_missing"],
  ["Authentication error [code: 10000]", "cloudflare_token"],
  ["it's necessary to set a CLOUDFLARE_API_TOKEN environment variable", "cloudflare_token"],
  ["the latest version of your Worker isn't currently deployed", "worker_version_pending"],
  ['No environment found in configuration with name "x".', "env_unknown"],
  ["fetch failed", "cloudflare_unreachable"],
  ["Cannot create binding [code: 10061]", "wrangler_failed"],
])("what it says is told in our words: %s", async (said, code) => {
  const wrangler = await install(
    `console.error(${JSON.stringify(`\u001b[31m✘ \u001b[41m[\u001b[97mERROR\u001b[41m]\u001b[0m ${said}\n`)}); process.exit(1)`,
  );
  const fault = faultOf(await wrangler.run(["deploy"], ""));
  expect(fault.code).toBe(code);
  expect(fault.detail).toContain(said);
});

test("a proof is asked for once, or until what may still change has changed; the wait is bounded", async () => {
  let asked = 0;
  const server = createServer((_, response) => {
    asked++;
    response.writeHead(503, { "content-type": "application/problem+json" }).end('{"code":"signing_key_missing"}');
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = (waitMs: number) => proveKey({ url, registry: "default", master: parseMasterKey(key), waitMs });
  await expect(ask(0)).rejects.toMatchObject({ code: "signing_key_missing" });
  expect(asked).toBe(1);
  await expect(ask(600)).rejects.toMatchObject({ code: "signing_key_missing" });
  expect(asked).toBeGreaterThanOrEqual(3);
  expect(asked).toBeLessThanOrEqual(4);
  server.close();
  const wait = deployCommand({ env: {} } as CommandIo).options.find(({ long }) => long === "--wait");
  expect(wait?.defaultValue).toBe(MAX_PROPAGATION_MS);
});
