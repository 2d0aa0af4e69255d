/** An execution log held against an authority: what the page can check, and what it leaves to the command line. */

import { describe, expect, test } from "vitest";
import { type TesClient, TesError } from "../../../src/client/index.ts";
import { replayLog } from "../../../src/dashboard/model/replay.ts";
import { type ExecutionLog, executionLogDigest, readExecutionLog } from "../../../src/protocol/execution-log.ts";

const HERE = "https://tes.test";
const BODY: Omit<ExecutionLog, "digest"> = {
  format: "tes-execution-log-v1",
  status: "complete",
  target: { config: "wrangler.toml", env: "production", worker: "tes", url: HERE, registry: "default" },
  tools: { tes: "0.1.0", runtime: "bun", wrangler: "4" },
  started: "2026-11-20T09:00:00Z",
  phases: [
    {
      name: "verify",
      result: "done",
      at: "2026-11-20T09:00:01Z",
      ms: 12,
      commands: [],
      files: [{ path: "a", before: null, after: "b" }],
      findings: [],
    },
  ],
  key: { keyid: "kid-1", slot: "VERSION_SIGNING_KEY", source: "env", kept: "in a file" },
  genesis: null,
  recovery: null,
  bump: { entity: "global:main", answer: "ok", provenance: "source env, log size 12" },
  risks: [],
};
const logOf = (change: Partial<ExecutionLog> = {}): ExecutionLog => {
  const body = { ...BODY, ...change };
  return { ...body, digest: executionLogDigest(body) };
};

/** The three answers that a replay asks for. */
const clientOf = (size: number, source: "env" | "storage", kids: readonly string[]) => () =>
  ({
    keys: async () => ({ answer: { keys: kids.map((kid) => ({ kid })) }, trust: { genesis: "ab".repeat(32) } }),
    keyProof: async () => ({ proofs: kids.map((kid) => ({ kid, slot: "VERSION_SIGNING_KEY", source })) }),
    checkpoint: async () => ({ size }),
  }) as unknown as TesClient;

const states = async (log: ExecutionLog, client: () => TesClient, here = HERE) =>
  (await replayLog(log, here, client)).map(({ state }) => state);

describe("readExecutionLog", () => {
  test("takes a log as it was written, and none that was changed", () => {
    const text = JSON.stringify(logOf());
    expect(readExecutionLog(new TextEncoder().encode(text)).status).toBe("complete");
    const changed = text.replace('"env":"production"', '"env":"staging"');
    expect(() => readExecutionLog(new TextEncoder().encode(changed))).toThrow(
      expect.objectContaining({ code: "log_altered" }),
    );
  });
});

describe("replayLog", () => {
  test("everything holds", async () => {
    expect(await states(logOf(), clientOf(13, "env", ["kid-1"]))).toEqual([
      "holds",
      "holds",
      "elsewhere",
      "holds",
      "holds",
      "holds",
    ]);
  });

  test("another key, another source, a shorter log, a run that did not end: each is said", async () => {
    expect(await states(logOf(), clientOf(13, "env", ["kid-2"]))).toEqual([
      "holds",
      "holds",
      "elsewhere",
      "broken",
      "broken",
      "holds",
    ]);
    expect((await states(logOf(), clientOf(13, "storage", ["kid-1"])))[4]).toBe("broken");
    expect((await states(logOf(), clientOf(11, "env", ["kid-1"])))[5]).toBe("broken");
    expect((await states(logOf({ status: "running" }), clientOf(13, "env", ["kid-1"])))[1]).toBe("broken");
  });

  test("an authority that does not answer contradicts nothing", async () => {
    const away = () =>
      new Proxy({} as TesClient, {
        get: () => async () => {
          throw new TesError("authority_unreachable");
        },
      });
    expect((await states(logOf(), away)).slice(3)).toEqual(["gone", "gone", "gone"]);
  });

  test("a log of another authority is not asked about here", async () => {
    const never = () => {
      throw new Error("asked");
    };
    expect(await states(logOf(), never, "https://elsewhere.test")).toEqual([
      "holds",
      "holds",
      "elsewhere",
      "elsewhere",
    ]);
  });
});
