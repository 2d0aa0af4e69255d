import { describe, expect, test } from "vitest";
import { type ClientOptions, createClient, Secret } from "../../../src/client/index.ts";
import { isLoopback, settle } from "../../../src/client/options.ts";
import { FIRST_RETRY_DELAY_MS, MAX_CLIENT_ATTEMPTS, MAX_TOKEN_CHARS } from "../../../src/core/limits.ts";
import { refusalOf } from "../core/refusal.ts";

const TOKEN = "aaaa.bbbb.cccc";
const refusal = (options: Partial<ClientOptions>) =>
  refusalOf(() => createClient({ url: "https://tes.test", trustFirst: true, ...options }));

describe("a token over plain http", () => {
  test.each([
    "http://localhost:8787",
    "http://127.0.0.1",
    "http://127.9.8.7:1",
    "http://[::1]:8787",
    "http://0x7f.1",
    "https://tes.test",
    "https://10.0.0.1",
  ])("goes to %s", (url) => {
    expect(refusal({ url, token: TOKEN })).toBe("accepted");
  });

  test.each([
    "http://tes.test",
    "http://10.0.0.1",
    "http://0.0.0.0",
    "http://[::2]",
    "http://localhost.evil.test",
    "http://127.0.0.1.evil.test",
    "http://evil.test:127",
    "http://127.0.0.example",
  ])("does not go to %s, where reads without one are allowed", (url) => {
    expect(refusal({ url, token: TOKEN })).toBe("invalid_field");
    expect(refusal({ url, token: new Secret(TOKEN) })).toBe("invalid_field");
    expect(refusal({ url })).toBe("accepted");
    expect(isLoopback(new URL(url))).toBe(false);
  });
});

test.each([
  ["no URL", "tes.test", "invalid_field"],
  ["another scheme", "ftp://tes.test", "invalid_field"],
  ["a socket's scheme", "wss://tes.test", "invalid_field"],
  ["a path", "https://tes.test/v1", "invalid_field"],
  ["a query", "https://tes.test/?a", "invalid_field"],
  ["a fragment", "https://tes.test/#a", "invalid_field"],
  ["a user", "https://user@tes.test", "invalid_field"],
  ["a password", "https://:secret@tes.test", "invalid_field"],
  ["a slash", "https://tes.test/", "accepted"],
  ["a port", "https://tes.test:8443", "accepted"],
])("a URL with %s", (_, url, expected) => {
  expect(refusal({ url })).toBe(expected);
});

test.each([
  ["as long as it may be", `a.b.${"c".repeat(MAX_TOKEN_CHARS - 4)}`, "accepted"],
  ["one character longer", `a.b.${"c".repeat(MAX_TOKEN_CHARS - 3)}`, "token_invalid"],
  ["of two parts", "a.b", "token_invalid"],
  ["of four parts", "a.b.c.d", "token_invalid"],
  ["without a signature", "a.b.", "token_invalid"],
  ["with a line break", "a.b.c\n", "token_invalid"],
  ["with another header inside", "a.b.c\r\nx: y", "token_invalid"],
  ["that is empty", "", "token_invalid"],
])("a token %s", (_, token, expected) => {
  expect(refusal({ token })).toBe(expected);
});

test("no error shows the token", () => {
  const token = "hunter2!";
  for (const options of [{ token }, { token: `${TOKEN}hunter2`, url: "http://tes.test" }]) {
    try {
      createClient({ url: "https://tes.test", ...options });
      expect.unreachable();
    } catch (error) {
      expect(`${error} ${JSON.stringify(error)}`).not.toContain("hunter2");
    }
  }
});

test.each([
  ["63 characters", "a".repeat(63), "invalid_field"],
  ["64 characters", "a".repeat(64), "accepted"],
  ["65 characters", "a".repeat(65), "invalid_field"],
  ["capitals", "A".repeat(64), "invalid_field"],
  ["other letters", "g".repeat(64), "invalid_field"],
])("a pin of %s", (_, genesis, expected) => {
  expect(refusal({ genesis })).toBe(expected);
});

test("a registry's name is checked, since it becomes a path", () => {
  for (const registry of ["../x", "a/b", "A", ""]) expect(refusal({ registry })).toBe("invalid_field");
});

test("what is left out has its default, under the limits' names", async () => {
  const delays: number[] = [];
  const settings = settle({ url: "https://tes.test", delay: async (ms) => void delays.push(ms) });
  expect(settings).toMatchObject({
    registry: "default",
    trustFirst: false,
    hotReads: false,
    pinKey: "https://tes.test/default",
    attempts: MAX_CLIENT_ATTEMPTS,
    token: undefined,
  });
  for (let next = 2; next <= MAX_CLIENT_ATTEMPTS; next++) await settings.backOff(next);
  for (const [i, ms] of delays.entries()) {
    expect(ms / (FIRST_RETRY_DELAY_MS * 2 ** i)).toBeGreaterThanOrEqual(0.75);
    expect(ms / (FIRST_RETRY_DELAY_MS * 2 ** i)).toBeLessThan(1.25);
  }
});
