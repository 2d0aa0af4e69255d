/** Proofs that the page fetches: a few at a time, what is in sight first, and no failure passes for a proof. */

import { expect, test } from "vitest";
import { type TesClient, TesError } from "../../../src/client/index.ts";
import { createProofs } from "../../../src/dashboard/model/proofs.ts";

/** A client whose receipts come when the test says so. */
function slowClient() {
  const asked: number[] = [];
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  const client = {
    receipt(seq: number) {
      asked.push(seq);
      const promise = Promise.withResolvers<unknown>();
      pending.set(seq, promise);
      return promise.promise;
    },
  } as unknown as TesClient;
  return {
    client,
    asked,
    settle: (seq: number) => pending.get(seq)!.resolve({ statement: { seq } }),
    fail: (seq: number, error: TesError) => pending.get(seq)!.reject(error),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("four are asked for at a time, and the last that was wanted is the next", async () => {
  const { client, asked, settle } = slowClient();
  const proofs = createProofs(
    () => client,
    () => 7,
    () => undefined,
    () => undefined,
  );
  for (let seq = 0; seq < 8; seq++) proofs.want(seq);
  proofs.want(0);
  expect(asked).toEqual([0, 1, 2, 3]);
  expect(proofs.of(7).standing).toBe("checking");
  settle(1);
  await turn();
  expect(asked).toEqual([0, 1, 2, 3, 7]);
  expect(proofs.of(1)).toMatchObject({ standing: "proven", at: 7 });
  expect(proofs.of(99).standing).toBe("unchecked");
});

test("what does not hold is refused, what does not answer is out of reach and asked for again", async () => {
  const { client, asked, fail } = slowClient();
  const failures: number[] = [];
  const proofs = createProofs(
    () => client,
    () => 7,
    () => undefined,
    (_, seq) => failures.push(seq),
  );
  proofs.want(1);
  proofs.want(2);
  fail(1, new TesError("proof_invalid"));
  fail(2, new TesError("authority_unreachable"));
  await turn();
  expect([proofs.of(1).standing, proofs.of(2).standing]).toEqual(["refused", "outage"]);
  expect(failures).toEqual([1, 2]);
  proofs.retry();
  proofs.want(1);
  proofs.want(2);
  expect(asked).toEqual([1, 2, 2]);
});

test("a statement that came over the socket is proved without being asked for, and its receipt is fetched for its evidence", async () => {
  const { client, asked, settle } = slowClient();
  const proofs = createProofs(
    () => client,
    () => 7,
    () => undefined,
    () => undefined,
  );
  proofs.note(5, { standing: "proven", at: 1 });
  proofs.want(5);
  expect(asked).toEqual([]);
  const receipt = proofs.receipt(5);
  expect(proofs.of(5).standing).toBe("proven");
  settle(5);
  expect((await receipt).statement.seq).toBe(5);
  await proofs.receipt(5);
  expect(asked).toEqual([5]);
});
