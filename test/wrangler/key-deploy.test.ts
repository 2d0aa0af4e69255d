/** `tes key deploy` where something is wrong: it says what, leaves no half state and no stray Worker, and a second run ends it. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { type Ended, makeProject, type Project } from "../e2e/support/cloudflare/project.ts";
import { keyOf } from "../e2e/support/keys.ts";
import { noTerminal } from "../e2e/support/terminal.ts";

const KEY = "VERSION_SIGNING_KEY";
const ours = keyOf("matrix ours").hex;
const other = keyOf("matrix other").hex;
const deploy = (project: Project, ...args: string[]): Promise<Ended> =>
  project.run(["key", "deploy", "--json", "--wait", "0", ...args], { input: `${ours}\n` });
const secretsOf = (project: Project, worker = "tes") =>
  Object.fromEntries(project.api.account.active(worker)?.secrets ?? []);
const codeOf = ({ stderr }: Ended): string =>
  JSON.parse(stderr.split("\n").findLast((line) => line.startsWith("{"))!).code;
const writes = ({ api }: Project) => api.calls.filter(({ method }) => method !== "GET");

test("a wrong token, and none", async () => {
  await using project = await makeProject();
  await project.seed("", {});
  const wrong = await project.run(["key", "deploy", "--json"], { input: ours, env: { CLOUDFLARE_API_TOKEN: "wrong" } });
  expect(wrong).toMatchObject({ exit: 1, json: { results: [{ action: "failed", code: "cloudflare_token" }] } });
  const none = await project.run(["key", "deploy", "--json"], { input: ours, env: { CLOUDFLARE_API_TOKEN: "" } });
  expect(none).toMatchObject({ exit: 1, json: { results: [{ action: "failed", code: "cloudflare_token" }] } });
  expect(secretsOf(project)).toEqual({});
  expect(await deploy(project, "--wait", "20s")).toMatchObject({ exit: 0, json: { results: [{ action: "put" }] } });
  expect(secretsOf(project)).toEqual({ [KEY]: ours });
});

test("an environment that is not there; several and none named; both before anything is asked", async () => {
  await using project = await makeProject({ envs: ["staging", "production"] });
  const unknown = await deploy(project, "--env", "prod");
  expect([unknown.exit, codeOf(unknown)]).toEqual([1, "env_unknown"]);
  const none = await deploy(project);
  expect([none.exit, codeOf(none)]).toEqual([2, "usage"]);
  for (const shown of ['--env \\"\\"', "--env staging", "--env production", "tes-staging"])
    expect(none.stderr).toContain(shown);
  expect(project.api.calls).toEqual([]);
});

test("nothing on stdin, blanks, half a key, the public key: refused before anything is asked", async () => {
  await using project = await makeProject();
  const publicKey = inject("publicKey");
  const cases: [string, string][] = [
    ["", "input_missing"],
    ["\n", "input_missing"],
    [ours.slice(1), "key_format"],
    [` ${ours}`, "key_format"],
    ["00".repeat(32), "key_format"],
    ["a".repeat(2_000), "key_format"],
  ];
  if (publicKey !== null) cases.push([publicKey, "key_public"]);
  for (const [input, code] of cases) {
    const run = await project.run(["key", "deploy", "--json"], { input });
    expect(codeOf(run), input.slice(0, 8)).toBe(code);
    expect(run.stdout + run.stderr).not.toContain(input.trim() || "\u0000");
  }
  expect(project.api.calls).toEqual([]);
});

test("the name in [vars]: the next deploy would put plain text in the secret's place", async () => {
  await using project = await makeProject({ vars: { [KEY]: "x" } });
  const run = await deploy(project);
  expect([run.exit, codeOf(run)]).toEqual([1, "secret_in_vars"]);
  expect(project.api.calls).toEqual([]);
});

test("a Worker that is not there: nothing is made, though wrangler would make a draft", async () => {
  await using project = await makeProject({ envs: ["staging"] });
  await project.seed("", {});
  const run = await deploy(project, "--env", "", "--env", "staging", "--wait", "20s");
  expect(run.exit).toBe(1);
  expect(run.json.results).toMatchObject([
    { env: "", worker: "tes", action: "put" },
    { env: "staging", worker: "tes-staging", action: "failed", code: "worker_missing" },
  ]);
  expect([...project.api.account.scripts.keys()]).toEqual(["tes"]);
  // The second run makes it, and leaves the first as it is.
  const again = await deploy(project, "--env", "", "--env", "staging", "--new-worker", "--wait", "20s");
  expect(again.json.results).toMatchObject([{ action: "unchanged" }, { action: "created" }]);
  expect(secretsOf(project, "tes-staging")).toEqual({ [KEY]: ours });
});

test("10215: the latest version is not deployed", async () => {
  await using project = await makeProject();
  await project.seed("", {});
  const { account } = project.api;
  const { metadata, modules } = account.active("tes")!;
  const { migrations: _, ...version } = metadata;
  account.upload("tes", version, modules, false);
  const run = await deploy(project);
  expect(run).toMatchObject({ exit: 1, json: { results: [{ code: "worker_version_pending" }] } });
  const shown = await project.run(["key", "deploy"], { input: ours });
  expect(shown.stderr).toContain("wrangler versions secret put VERSION_SIGNING_KEY");
  const staged = await deploy(project, "--undeployed");
  expect(staged).toMatchObject({ exit: 0, json: { results: [{ action: "staged" }] } });
  expect(secretsOf(project)).toEqual({});
  const latest = account.script("tes").versions.at(-1)!;
  expect(latest.secrets.get(KEY)).toBe(ours);
  account.deploy("tes", latest.id);
  await project.api.onDeploy!("tes");
  expect(await deploy(project)).toMatchObject({ exit: 0, json: { results: [{ action: "unchanged" }] } });
});

test.each(["before", "after"] as const)(
  "the network cut %s the secret was taken: a second run finishes",
  async (when) => {
    await using project = await makeProject();
    await project.seed("", {});
    project.api.interfere = { [when]: ({ method }: { method: string }) => (method === "PUT" ? "cut" : undefined) };
    const cut = await deploy(project);
    expect(cut).toMatchObject({ exit: 1, json: { results: [{ action: "failed", code: "cloudflare_unreachable" }] } });
    expect(secretsOf(project)).toEqual(when === "before" ? {} : { [KEY]: ours });
    project.api.interfere = {};
    const again = await deploy(project, "--wait", "20s");
    expect(again).toMatchObject({ exit: 0, json: { results: [{ action: when === "before" ? "put" : "unchanged" }] } });
    expect(secretsOf(project)).toEqual({ [KEY]: ours });
  },
);

test("the network cut while a new Worker is deployed: no Worker without its key", async () => {
  await using project = await makeProject();
  project.api.interfere = {
    before: ({ method, path }) => (method === "PUT" && path === "/workers/scripts/tes" ? "cut" : undefined),
  };
  expect(await deploy(project, "--new-worker")).toMatchObject({
    exit: 1,
    json: { results: [{ code: "cloudflare_unreachable" }] },
  });
  expect(project.api.account.scripts.size).toBe(0);
  project.api.interfere = {};
  expect(await deploy(project, "--new-worker", "--wait", "20s")).toMatchObject({
    exit: 0,
    json: { results: [{ action: "created" }] },
  });
});

test("two runs at once with one key end with that key in place", async () => {
  await using project = await makeProject();
  await project.seed("", {});
  const runs = await Promise.all([deploy(project, "--wait", "20s"), deploy(project, "--wait", "20s")]);
  expect(runs.map(({ exit }) => exit)).toEqual([0, 0]);
  expect(secretsOf(project)).toEqual({ [KEY]: ours });
  const { drafts } = { drafts: [...project.api.account.scripts.values()].filter(({ draft }) => draft) };
  expect(drafts).toEqual([]);
});

test("a key that signs a registry is not replaced unless that is said; one that never signed is", async () => {
  await using project = await makeProject();
  await project.seed("", { [KEY]: other });
  // Nothing is signed yet, so nothing is lost.
  expect(await deploy(project, "--wait", "20s")).toMatchObject({
    exit: 0,
    json: { results: [{ action: "put", genesis: null }] },
  });
  const keyFile = join(project.place.dir, "ours.key");
  await writeFile(keyFile, ours, { mode: 0o600 });
  const url = `http://${await project.edge.authority("tes")}`;
  const opened = await project.run([
    "init",
    "--url",
    url,
    "--key-file",
    "ours.key",
    "--recovery-key",
    "recovery.key",
    "--no-declare",
    "--json",
  ]);
  expect(opened.exit, opened.stderr).toBe(0);
  const replace = (...args: string[]) =>
    project.run(["key", "deploy", "--json", "--wait", "0", ...args], { input: other });
  expect(await replace()).toMatchObject({ exit: 1, json: { results: [{ code: "key_in_place" }] } });
  expect(secretsOf(project)).toEqual({ [KEY]: ours });
  expect(await replace("--replace")).toMatchObject({ exit: 1, json: { results: [{ code: "signing_key_mismatch" }] } });
  expect(secretsOf(project)).toEqual({ [KEY]: other });
  // The right one brings the registry back, and needs no leave.
  expect(await deploy(project, "--wait", "20s")).toMatchObject({
    exit: 0,
    json: { results: [{ action: "put", genesis: opened.json.genesis }] },
  });
});

test("a Worker with another key, none, or the public one fails the proof, each with its own code", async () => {
  const publicKey = inject("publicKey");
  const cases: [Record<string, string>, string][] = [
    [{ [KEY]: other }, "key_proof_failed"],
    [{}, "signing_key_missing"],
    [{ [KEY]: ours.slice(1) }, "key_format"],
  ];
  if (publicKey !== null) cases.push([{ [KEY]: publicKey }, "key_public"]);
  await using project = await makeProject();
  for (const [secrets, code] of cases) {
    project.api.account.scripts.delete("tes");
    await project.seed("", secrets);
    const run = await project.run(["key", "verify", "--json"], { input: ours });
    expect([run.exit, codeOf(run)]).toEqual([code === "key_format" ? 2 : 1, code]);
  }
  project.api.account.scripts.delete("tes");
  await project.seed("", { [KEY]: ours });
  expect(await project.run(["key", "verify", "--json"], { input: ours })).toMatchObject({
    exit: 0,
    json: { verified: [{ source: "env", slot: KEY, genesis: null }] },
  });
  expect(project.api.calls).toEqual([]);
});

test("--generate keeps what is needed to go on, and a second run uses it", async () => {
  await using project = await makeProject();
  const nothing = await project.run(["key", "deploy", "--generate", "--json"]);
  expect([nothing.exit, codeOf(nothing)]).toEqual([2, "usage"]);
  const generate = (...args: string[]) =>
    project.run([
      "key",
      "deploy",
      "--generate",
      "--out",
      "made.key",
      "--admin-token",
      "made.token",
      "--json",
      "--wait",
      "20s",
      ...args,
    ]);
  // Without its Worker no key is left lying about.
  expect(await generate()).toMatchObject({ exit: 1, json: { results: [{ code: "worker_missing" }] } });
  await expect(readFile(join(project.place.dir, "made.key"))).rejects.toThrow("ENOENT");
  await project.seed("", {});
  project.api.interfere = { after: ({ method }) => (method === "PUT" ? "cut" : undefined) };
  expect(await generate()).toMatchObject({ exit: 1, json: { results: [{ code: "cloudflare_unreachable" }] } });
  project.api.interfere = {};
  const made = (await readFile(join(project.place.dir, "made.key"), "utf8")).trim();
  expect(await generate()).toMatchObject({ exit: 0, json: { results: [{ action: "unchanged" }] } });
  expect(secretsOf(project)).toEqual({ [KEY]: made });
  expect(writes(project).filter(({ method }) => method === "PUT")).toHaveLength(1);
});

test.skipIf(noTerminal() !== null)(
  "Ctrl-C while the secret is on its way: nothing goes on behind it, and a second run finishes",
  async () => {
    await using project = await makeProject();
    await project.seed("", {});
    const arrived = Promise.withResolvers<void>();
    const released = Promise.withResolvers<"cut">();
    project.api.interfere = {
      before({ method }) {
        if (method !== "PUT") return undefined;
        arrived.resolve();
        return released.promise;
      },
    };
    const terminal = project.sit(["key", "deploy", "--env", ""]);
    await terminal.see("(hidden)");
    terminal.type(`${ours}\r`);
    await terminal.see("Put VERSION_SIGNING_KEY on tes?");
    terminal.type("y");
    await arrived.promise;
    terminal.type("\u0003");
    expect(await terminal.exited).not.toBe(0);
    released.resolve("cut");
    project.api.interfere = {};
    expect(secretsOf(project)).toEqual({});
    expect(await deploy(project, "--wait", "20s")).toMatchObject({ exit: 0, json: { results: [{ action: "put" }] } });
    expect(secretsOf(project)).toEqual({ [KEY]: ours });
  },
);
