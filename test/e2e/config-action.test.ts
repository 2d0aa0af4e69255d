/** action.yml: its steps as a runner would run them, without the two actions of others that it uses. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");

interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly with?: Record<string, string>;
  readonly shell?: string;
  readonly env?: Record<string, string>;
  readonly run?: string;
}

interface Action {
  readonly inputs: Record<string, { readonly default: string }>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}

/** Read by Bun's YAML parser, which Node lacks. */
function readAction(): Action {
  const bun = join(dirname(createRequire(import.meta.url).resolve("bun/package.json")), "bin", "bun.exe");
  const script = `console.log(JSON.stringify(Bun.YAML.parse(await Bun.file(${JSON.stringify(join(ROOT, "action.yml"))}).text())))`;
  return JSON.parse(execFileSync(bun, ["-e", script], { encoding: "utf8" })) as Action;
}

const action = readAction();
let workspace: string;
beforeEach(() => {
  workspace = mkdtempSync(join(tmpdir(), "tes-action-"));
  mkdirSync(join(workspace, "temp"));
});
afterEach(() => rmSync(workspace, { recursive: true, force: true }));

/** Runs the steps in order until one fails, as a job does; `uses` steps are only noted. */
function runAction(inputs: Record<string, string> = {}): {
  code: number;
  log: string;
  used: string[];
  outputs: Record<string, string>;
} {
  // A path with a blank in it, so that what is not quoted breaks.
  const actionPath = join(workspace, "the action");
  symlinkSync(ROOT, actionPath);
  const outputs: Record<string, string> = {};
  const used: string[] = [];
  let log = "";
  const value = (expression: string): string => {
    const [scope, ...rest] = expression.trim().split(".");
    if (scope === "inputs") return inputs[rest[0]!] ?? action.inputs[rest[0]!]!.default;
    if (scope === "steps") return outputs[rest.at(-1)!] ?? "";
    const known: Record<string, string> = { "github.action_path": actionPath, "runner.temp": join(workspace, "temp") };
    return known[expression.trim()]!;
  };
  const fill = (text: string): string => text.replace(/\$\{\{(.*?)\}\}/g, (_, expression: string) => value(expression));
  for (const [i, step] of action.runs.steps.entries()) {
    if (step.if?.includes("inputs.upload == 'true'") && value("inputs.upload") !== "true") continue;
    if (step.uses !== undefined) {
      used.push(`${step.uses.split("@")[0]} ${JSON.stringify(fill(JSON.stringify(step.with)))}`);
      continue;
    }
    const script = join(workspace, "temp", `${i}.sh`);
    const outputFile = join(workspace, "temp", `${i}.out`);
    writeFileSync(script, step.run!);
    writeFileSync(outputFile, "");
    const env = Object.fromEntries(Object.entries(step.env ?? {}).map(([name, text]) => [name, fill(text)]));
    // What a runner does for `shell: bash`.
    const { status, stdout, stderr } = spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", script], {
      cwd: workspace,
      env: { PATH: process.env.PATH, GITHUB_OUTPUT: outputFile, ...env },
      encoding: "utf8",
    });
    log += stdout + stderr;
    for (const line of readFileSync(outputFile, "utf8").split("\n").filter(Boolean)) {
      const [name, ...text] = line.split("=");
      outputs[name!] = text.join("=");
    }
    if (status !== 0) return { code: status ?? 1, log, used, outputs };
  }
  return { code: 0, log, used, outputs };
}

const HEAD = 'name = "app"\nmain = "index.ts"\ncompatibility_date = "2026-11-17"\n';
const put = (path: string, text: string) => writeFileSync(join(workspace, path), text);

describe("the action as it is written", () => {
  test("is composite, pins what it uses to commits, and puts no input into a script", () => {
    expect(action.runs.using).toBe("composite");
    for (const { uses, run, shell } of action.runs.steps) {
      if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w/-]+@[0-9a-f]{40}$/);
      else expect([shell, run?.includes("${{")]).toEqual(["bash", false]);
    }
  });
});

describe("the action as it runs", () => {
  test("a clean configuration passes, and its empty SARIF is handed on", () => {
    put("wrangler.toml", HEAD);
    const { code, log, used, outputs } = runAction();
    expect([code, outputs.result]).toEqual([0, "clean"]);
    expect(log).toContain("clean");
    expect(JSON.parse(readFileSync(outputs.sarif!, "utf8")).runs[0].results).toEqual([]);
    expect(used[1]).toContain("github/codeql-action/upload-sarif");
    expect(used[1]).toContain("tes-config.sarif");
  });

  test("findings fail the job after the upload, and stand in the log and in the SARIF", () => {
    put("wrangler.toml", `${HEAD}[[durable_objects.migrations]]\ntag = "v1"\n`);
    const { code, log, used, outputs } = runAction();
    expect([code, outputs.result, used.length]).toEqual([1, "findings", 2]);
    expect(log).toContain("wrangler.toml:4:19");
    const [result] = JSON.parse(readFileSync(outputs.sarif!, "utf8")).runs[0].results;
    expect(result).toMatchObject({ ruleId: "migrations-nested", level: "error" });
    expect(result.locations[0].physicalLocation.artifactLocation.uri).toBe("wrangler.toml");
  });

  test("files one a line, rules to ignore, and no upload", () => {
    mkdirSync(join(workspace, "a b"));
    put("a b/wrangler.toml", `${HEAD}nmae = "x"\n`);
    put("second.jsonc", '{ "name": "app", "main": "i.ts", "compatibility_date": "2026-11-17", "vras": {} }');
    const files = "a b\nsecond.jsonc\n";
    const { code, used, outputs } = runAction({ files, upload: "false" });
    expect([code, used.length]).toEqual([1, 1]);
    const uris = JSON.parse(readFileSync(outputs.sarif!, "utf8")).runs[0].results.map(
      (result: { locations: { physicalLocation: { artifactLocation: { uri: string } } }[] }) =>
        result.locations[0]!.physicalLocation.artifactLocation.uri,
    );
    expect(uris).toEqual(["a%20b/wrangler.toml", "second.jsonc"]);
    rmSync(join(workspace, "the action"));
    expect(runAction({ files, ignore: "unknown-field", upload: "false" }).code).toBe(0);
  });

  test("arguments that make no sense stop it before the upload", () => {
    expect(runAction().code).toBe(2);
    rmSync(join(workspace, "the action"));
    const { code, log, used } = runAction({ files: "--help\n$(touch made)", ignore: "no-such-rule" });
    expect([code, used.length]).toEqual([2, 1]);
    expect(log).toContain("There is no rule");
  });

  test("an input is data: nothing of it runs, and nothing of it is an option", () => {
    put("wrangler.toml", HEAD);
    const { code, log } = runAction({ files: '--version\n$(touch made)\n"; touch made' });
    expect(code).toBe(2);
    expect(log).toContain("--version does not exist");
    expect(() => readFileSync(join(workspace, "made"))).toThrow();
  });
});
