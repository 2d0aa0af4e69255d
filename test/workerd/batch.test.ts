/** What one turn takes, and what it refuses by then: the writer over a ledger that only counts. */

import { expect, test } from "vitest";
import type { TesError } from "../../src/core/errors.ts";
import { MAX_BATCH_COMMANDS } from "../../src/core/limits.ts";
import { EMPTY_ROOT } from "../../src/core/merkle.ts";
import type { Command } from "../../src/registry/decide.ts";
import type { Ledger, Write } from "../../src/worker/ledger.ts";
import { createMetrics } from "../../src/worker/metrics.ts";
import type { SigningKeys } from "../../src/worker/signing-key.ts";
import { createWriter } from "../../src/worker/writer.ts";

/** Submits so many writes at once, and gives how many each turn took. */
async function turnsFor(writes: number): Promise<number[]> {
  const turns: number[] = [];
  const ledger = {
    size: 0,
    root: () => EMPTY_ROOT,
    append: () => {
      turns[turns.length - 1]! += 1;
      return [];
    },
  } as unknown as Ledger;
  const writer = createWriter(ledger, {} as SigningKeys, async () => void turns.push(0), createMetrics());
  await Promise.all(Array.from({ length: writes }, () => writer.submit({} as Write)));
  return turns;
}

test("as many as are allowed are decided in one turn, and one more waits for the next", async () => {
  expect(await turnsFor(MAX_BATCH_COMMANDS)).toEqual([MAX_BATCH_COMMANDS]);
  expect(await turnsFor(MAX_BATCH_COMMANDS + 1)).toEqual([MAX_BATCH_COMMANDS, 1]);
  expect(await turnsFor(2 * MAX_BATCH_COMMANDS + 3)).toEqual([MAX_BATCH_COMMANDS, MAX_BATCH_COMMANDS, 3]);
});

/** A writer whose turns wait for `open`, over a ledger that only knows who is revoked. */
function waitingWriter() {
  const revoked = new Set<string>();
  const written: string[] = [];
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const ledger = {
    size: 0,
    root: () => EMPTY_ROOT,
    rows: { revoked: (jti: string) => (revoked.has(jti) ? { token: jti } : undefined) },
    append: ({ commands: [command], by }: Write) => {
      if (command?.kind === "revoke") revoked.add(command.token);
      written.push(by);
      return [];
    },
  } as unknown as Ledger;
  let isClosed = false;
  const writer = createWriter(
    ledger,
    {} as SigningKeys,
    () => opened,
    createMetrics(),
    () => isClosed,
  );
  const submit = (by: string, command?: Command) =>
    writer.submit({ commands: command ? [command] : [], by, now: 0, idempotency: { key: by, request: by } }).then(
      () => "written",
      ({ code }: TesError) => code,
    );
  const close = () => {
    isClosed = true;
  };
  return { submit, open, close, written };
}

test("a write that waits while its token is revoked comes after that", async () => {
  const { submit, open, written } = waitingWriter();
  const outcomes = [submit("job"), submit("admin", { kind: "revoke", token: "job", exp: 0 }), submit("job")];
  open();
  expect(await Promise.all(outcomes)).toEqual(["written", "written", "token_revoked"]);
  expect(written).toEqual(["job", "admin"]);
});

test("nothing is written to a registry that was delisted while the write waited", async () => {
  const { submit, open, close, written } = waitingWriter();
  const outcome = submit("job");
  close();
  open();
  expect([await outcome, written]).toEqual(["registry_read_only", []]);
});
