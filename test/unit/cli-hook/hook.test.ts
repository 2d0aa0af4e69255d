import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hookVariables, runHook } from "../../../src/cli/hook.ts";
import type { CommandIo } from "../../../src/cli/output.ts";

const HOSTILE = ["$(touch pwned)", "`touch pwned`", "; touch pwned", "' && touch pwned '", '" || touch pwned "'];

test("nothing that the log says is run: not from the environment, not from standard input", async () => {
  const dir = await mkdtemp(join(tmpdir(), "tes-hook-"));
  let out = "";
  const io: CommandIo = {
    stdout: (text) => {
      out += text;
    },
    stderr: () => undefined,
    color: false,
    json: false,
    terminal: false,
    interactive: false,
    cwd: dir,
    env: { PATH: process.env.PATH },
    now: Date.now,
  };
  for (const text of HOSTILE) {
    const json = { registry: text, type: text, entity: text, changes: [{ to: text }] };
    const variables = hookVariables("http://localhost", 7, json);
    expect(variables.TES_TYPE).toBe(text);
    await runHook(io, 'echo "$TES_TYPE|$TES_ENTITY|$TES_VERSION"; echo $TES_TYPE >/dev/null; cat', json, variables);
    expect(out).toBe(`${text}|${text}|${text}\n${JSON.stringify(json)}\n`);
    out = "";
  }
  expect(await readdir(dir)).toEqual([]);
  await rm(dir, { recursive: true });
});

test("variables hold plain text only", () => {
  const json = { registry: "default", type: "a\nb", entity: "x".repeat(257), changes: "none" };
  expect(hookVariables("http://localhost:1", 3, json)).toEqual({
    TES_URL: "http://localhost:1",
    TES_REGISTRY: "default",
    TES_INDEX: "3",
  });
});
