/** The execution log: what is written is read again, and a change of any field, or of the Markdown, is caught. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Body, jsonPathOf, readLog, renderLog, writeLog } from "../../../src/cli/lock/log.ts";
import { type ExecutionLog, LOG_FORMAT } from "../../../src/protocol/execution-log.ts";

const BODY: Body = {
  format: LOG_FORMAT,
  status: "complete",
  target: { config: "wrangler.toml", env: "", worker: "tes", url: "https://tes.example", registry: "default" },
  tools: { tes: "0.1.0", runtime: "Bun 1.4.5", wrangler: "4.164.0 (tes)" },
  started: "2026-11-25T00:00:00.000Z",
  phases: [
    {
      name: "key",
      result: "put",
      at: "2026-11-25T00:00:01.000Z",
      ms: 12,
      commands: [{ command: "wrangler secret list --env=", exit: 0, ms: 10 }],
      files: [{ path: "wrangler.toml", before: null, after: "0a" }],
      findings: ["migrations-nested: moved | 1"],
    },
  ],
  key: { keyid: "k", slot: "VERSION_SIGNING_KEY", source: "env", kept: "nowhere" },
  genesis: "g",
  recovery: "r",
  bump: { entity: "*", answer: "1 would change", provenance: "signed by k, log size 1" },
  risks: ["one"],
};

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "tes-log-"));
});
afterAll(() => rm(dir, { recursive: true }));

/** Every way to change one leaf of a value: texts and numbers to others, null to a text, a member or an item taken away. */
function* changesOf(value: unknown, path = ""): Generator<[string, unknown]> {
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      for (const [at, changed] of changesOf(item, `${path}/${i}`)) yield [at, value.with(i, changed)];
      yield [`${path}/${i} removed`, value.toSpliced(i, 1)];
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      for (const [at, changed] of changesOf(item, `${path}/${key}`)) yield [at, { ...value, [key]: changed }];
      const { [key]: _, ...rest } = value as Record<string, unknown>;
      yield [`${path}/${key} removed`, rest];
    }
  } else if (typeof value === "number") yield [path, value + 1];
  else yield [path, value === null ? "x" : `${value}x`];
}

test("what is written is read", async () => {
  const path = join(dir, "whole.md");
  const log = await writeLog(path, BODY);
  expect(await readLog(path)).toEqual(log);
  expect(await readFile(path, "utf8")).toBe(renderLog(log));
  expect(await readLog(join(dir, "none.md"))).toBeNull();
});

test("any field changed is caught", async () => {
  const path = join(dir, "changed.md");
  const log: ExecutionLog = await writeLog(path, BODY);
  const changes = [...changesOf(log)];
  expect(changes.length).toBeGreaterThan(50);
  for (const [at, changed] of changes) {
    await writeFile(jsonPathOf(path), JSON.stringify(changed));
    await expect(readLog(path), at).rejects.toMatchObject({ code: "log_altered" });
  }
  await writeFile(jsonPathOf(path), JSON.stringify(log));
  expect(await readLog(path)).toEqual(log);
});

test("any line of the Markdown changed is caught", async () => {
  const path = join(dir, "lines.md");
  const lines = renderLog(await writeLog(path, BODY)).split("\n");
  for (const [i, line] of lines.entries()) {
    await writeFile(path, lines.with(i, `${line} `).join("\n"));
    await expect(readLog(path), line).rejects.toMatchObject({ code: "log_altered" });
  }
  await rm(path);
  await expect(readLog(path)).rejects.toMatchObject({ code: "log_altered" });
});
