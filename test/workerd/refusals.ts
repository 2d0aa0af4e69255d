/** Tables of requests that are refused: each with its documented code, and with nothing changed by it. */

import { expect, test } from "vitest";
import { codeOf, type Exchange, isSigned, snapshot, textOf } from "./authority.ts";
import { expectSigned, type Keys, keysOf } from "./verifiers.ts";

/** What is sent, the status and the code that it gets. */
export type Refusal = readonly [name: string, send: () => Promise<Exchange>, status: number, code: string];

/**
 * Headers that every answer carries, and those that none does (design: never 304, never ETag).
 *
 * @param mayHold a cookie: of those that open, renew or end a session only
 */
export function expectHeaders({ status, headers }: Exchange, mayHold?: "cookie"): void {
  expect(headers["cache-control"]).toMatch(/\bno-transform\b/);
  expect(headers["x-content-type-options"]).toBe("nosniff");
  expect(headers).not.toHaveProperty("etag");
  if (mayHold === undefined) expect(headers).not.toHaveProperty("set-cookie");
  expect([204, 304]).not.toContain(status);
}

/**
 * A test for each row: the code, its status, signed by both keys of the registry (or by nobody), and the registry as it
 * was: every row of every table, its state and its signed head.
 *
 * @param token reads the registry, when it is private
 */
export function testRefusals(
  registry: string,
  rows: readonly Refusal[],
  { signed = true, token }: { signed?: boolean; token?: () => string } = {},
): void {
  let keys: Keys | undefined;
  let last: object | undefined;
  test.each(rows)("%s", async (_name, send, status, code) => {
    // Rows run one after the other, so what one left is what the next one finds.
    const before = last ?? (await snapshot(registry, token?.()));
    const answer = await send();
    last = await snapshot(registry, token?.());
    expect(last).toEqual(before);
    expect([answer.status, codeOf(answer)], textOf(answer)).toEqual([status, code]);
    expect(isSigned(answer)).toBe(signed);
    if (signed) {
      keys ??= await keysOf(registry, token === undefined ? {} : { token: token() });
      await expectSigned(answer, keys);
    }
    expectHeaders(answer);
  });
}
