import { abortAllDurableObjects, reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import {
  ask,
  codeOf,
  configure,
  declare,
  type Exchange,
  isSigned,
  jsonOf,
  masterOf,
  mint,
  post,
  RECOVERY,
  restart,
  rowsOf,
  textOf,
} from "./authority.ts";
import { expectSigned, keysOf, LABELS, parameterOf } from "./verifiers.ts";

const OURS = masterOf("ours");
const OTHER = masterOf("another");
const NONE = { VERSION_SIGNING_KEY: undefined, VERSION_SIGNING_KEY_V2: undefined, TES_KEY_FALLBACK: undefined };

const state = () => ask("/v1/default");
const keyids = (answer: Exchange) => LABELS.map((label) => parameterOf(answer, label, "keyid"));
const sourceOf = (answer: Exchange) =>
  /source=(\w+), slot="(\w+)"/.exec(answer.headers["tes-provenance"] ?? "")?.slice(1);

/** The 503 that nobody signs, for there is no key to sign with. */
function expectRefused(answer: Exchange, code: string): void {
  expect([answer.status, codeOf(answer), isSigned(answer)]).toEqual([503, code, false]);
}

/** Starts the object anew under other bindings. */
async function restartWith(bindings: Parameters<typeof configure>[0]): Promise<void> {
  configure({ ...NONE, ...bindings });
  await restart("default");
}

beforeEach(() => configure(NONE));
afterEach(() => reset());

describe("an authority without a key", () => {
  test("makes one: first requests at once get answers under one key, which then signs for ever", async () => {
    const first = await Promise.all(Array.from({ length: 8 }, (_, i) => (i % 2 ? state() : ask("/v1/default/keys"))));
    expect(first.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 200));
    const ids = keyids(first[0]!);
    for (const answer of first) expect(keyids(answer)).toEqual(ids);
    expect(sourceOf(first[0]!)).toEqual(["generated", "VERSION_SIGNING_KEY"]);
    const rows = await rowsOf("default");
    expect([rows.signing_key!.length, rows.statement!.length]).toEqual([1, 1]);

    // The stored key is whole: the published key and a key derived from what is stored verify what comes later.
    const { hex } = rows.signing_key![0] as { hex: string };
    expect(hex).toMatch(/^[0-9a-f]{64}$/);
    const keys = await keysOf("default", { master: hex });
    for (const answer of first) await expectSigned(answer, keys);
    await restart("default");
    const evicted = await state();
    await abortAllDurableObjects();
    const aborted = await state();
    for (const answer of [evicted, aborted]) {
      expect(keyids(answer)).toEqual(ids);
      expect(sourceOf(answer)).toEqual(["storage", "VERSION_SIGNING_KEY"]);
      await expectSigned(answer, keys);
    }
    expect(await rowsOf("default")).toEqual(rows);
  });

  test("never shows it", async () => {
    const answers = [await state(), await ask("/v1/default/keys"), await ask("/v1/default/log/proof?seq=0")];
    const { hex } = (await rowsOf("default")).signing_key![0] as { hex: string };
    for (const answer of answers) {
      expect(textOf(answer) + JSON.stringify(answer.headers)).not.toContain(hex);
    }
  });

  test("a different key in the environment is refused, not taken; without it the right one signs again", async () => {
    const before = keyids(await state());
    const rows = await rowsOf("default");
    await restartWith({ VERSION_SIGNING_KEY: OTHER });
    expectRefused(await state(), "signing_key_mismatch");
    expectRefused(await post("/bump", { entity: "global:main", scope: "minor" }), "signing_key_mismatch");
    expect(await rowsOf("default")).toEqual(rows);
    // The same object looks again on the next request: nobody has to restart it.
    configure(NONE);
    expect(keyids(await state())).toEqual(before);
  });

  test("its own key, brought into the environment, signs from there", async () => {
    const before = keyids(await state());
    const { hex } = (await rowsOf("default")).signing_key![0] as { hex: string };
    await restartWith({ VERSION_SIGNING_KEY: hex, TES_KEY_FALLBACK: "deny" });
    const answer = await state();
    expect([keyids(answer), sourceOf(answer)]).toEqual([before, ["env", "VERSION_SIGNING_KEY"]]);
  });

  test("a new key in the other slot waits for its announcement: the stored one goes on signing", async () => {
    const before = keyids(await state());
    await restartWith({ VERSION_SIGNING_KEY_V2: OTHER });
    const answer = await state();
    expect([keyids(answer), sourceOf(answer)]).toEqual([before, ["storage", "VERSION_SIGNING_KEY"]]);
  });
});

describe("a key in the environment", () => {
  beforeEach(() => configure({ VERSION_SIGNING_KEY: OURS }));

  test("signs, and nothing of it is stored", async () => {
    const answer = await state();
    expect(sourceOf(answer)).toEqual(["env", "VERSION_SIGNING_KEY"]);
    await expectSigned(answer, await keysOf("default", { master: OURS }));
    const rows = await rowsOf("default");
    expect(rows.signing_key).toEqual([]);
    expect(JSON.stringify(rows)).not.toContain(OURS);
  });

  test("in upper case is the same key", async () => {
    const before = keyids(await state());
    await restartWith({ VERSION_SIGNING_KEY: OURS.toUpperCase() });
    expect(keyids(await state())).toEqual(before);
  });

  test("another one is a mismatch until the first is put back", async () => {
    const token = await mint("default", ["admin"], { master: OURS });
    const before = keyids(await state());
    await declare("default", token, ["global:main"]);
    const rows = await rowsOf("default");
    await restartWith({ VERSION_SIGNING_KEY: OTHER });
    expectRefused(await state(), "signing_key_mismatch");
    expectRefused(await post("/bump", { entity: "global:main", scope: "minor" }, { token }), "signing_key_mismatch");
    const stolen = await mint("default", ["admin"], { master: OTHER });
    expectRefused(
      await post("/bump", { entity: "global:main", scope: "minor" }, { token: stolen }),
      "signing_key_mismatch",
    );
    expect(await rowsOf("default")).toEqual(rows);
    await restartWith({ VERSION_SIGNING_KEY: OURS });
    expect(keyids(await state())).toEqual(before);
    const bumped = await post("/bump", { entity: "global:main", scope: "minor" }, { token });
    expect(jsonOf(bumped).changes).toEqual([{ entity: "global:main", from: "1.0.0", to: "1.1.0" }]);
  });

  test("is found in either slot", async () => {
    const before = keyids(await state());
    await restartWith({ VERSION_SIGNING_KEY: OTHER, VERSION_SIGNING_KEY_V2: OURS });
    const answer = await state();
    expect([keyids(answer), sourceOf(answer)]).toEqual([before, ["env", "VERSION_SIGNING_KEY_V2"]]);
  });

  test("taken away, it is missing: no other is made for a registry that has one", async () => {
    await state();
    const rows = await rowsOf("default");
    await restartWith({});
    expectRefused(await state(), "signing_key_missing");
    expect(await rowsOf("default")).toEqual(rows);
  });

  test("gives each registry keys of its own", async () => {
    await openRegistryWith(OURS, "acme");
    await openRegistryWith(OURS, "other");
    const ids = await Promise.all(["acme", "other"].map(async (name) => keyids(await ask(`/v1/${name}`))));
    expect(new Set(ids.flat()).size).toBe(4);
  });
});

async function openRegistryWith(master: string, registry: string): Promise<void> {
  const token = await mint(registry, ["admin"], { master });
  const opened = await post(`/v1/${registry}`, { visibility: "public", recovery: { x: RECOVERY } }, { token });
  expect(opened.status).toBe(201);
}

describe("TES_KEY_FALLBACK=deny", () => {
  test("without a key: missing, and nothing is stored", async () => {
    configure({ TES_KEY_FALLBACK: "deny" });
    expectRefused(await state(), "signing_key_missing");
    expectRefused(await ask("/v1/default/nothing"), "signing_key_missing");
    expect(await rowsOf("default")).toEqual({});
    configure({ VERSION_SIGNING_KEY: OURS });
    expect((await state()).status).toBe(200);
  });

  test("a stored key does not count", async () => {
    const before = keyids(await state());
    await restartWith({ TES_KEY_FALLBACK: "deny" });
    expectRefused(await state(), "signing_key_missing");
    await restartWith({});
    expect(keyids(await state())).toEqual(before);
  });
});

describe("a key that is none", () => {
  const refused: [string, string, RegExp][] = [
    ["63 characters", OURS.slice(1), /64 hexadecimal characters.*has 63 characters/],
    ["65 characters", `${OURS}0`, /64 hexadecimal characters.*has 65 characters/],
    ["a line break after it", `${OURS}\n`, /has 65 characters, with white space at an end/],
    ["a character that is not hexadecimal", `g${OURS.slice(1)}`, /a character that is not hexadecimal/],
    ["full-width digits", "１".repeat(64), /a character that is not hexadecimal/],
    ["one character", "a", /has 1 character/],
  ];
  test.each(refused)("%s: missing, with the reason and without the text", async (_name, text, reason) => {
    configure({ VERSION_SIGNING_KEY: text });
    const answer = await state();
    expectRefused(answer, "signing_key_missing");
    expect(jsonOf(answer).detail).toMatch(/^The secret VERSION_SIGNING_KEY is set but refused\. /);
    expect(jsonOf(answer).detail).toMatch(reason);
    if (text.length > 1) expect(textOf(answer)).not.toContain(text.trim().slice(0, 16));
    expect(await rowsOf("default")).toEqual({});
  });

  test.each(refused)(
    "%s, after the genesis: the state is as it was, and the right key heals it",
    async (_name, text) => {
      configure({ VERSION_SIGNING_KEY: OURS });
      const before = textOf(await state());
      const rows = await rowsOf("default");
      await restartWith({ VERSION_SIGNING_KEY: text });
      expectRefused(await state(), "signing_key_missing");
      expect(await rowsOf("default")).toEqual(rows);
      configure({ VERSION_SIGNING_KEY: OURS });
      expect(textOf(await state())).toBe(before);
    },
  );

  test("in the second slot it is not passed over in silence", async () => {
    configure({ VERSION_SIGNING_KEY: OURS, VERSION_SIGNING_KEY_V2: OURS.slice(1) });
    const answer = await state();
    expectRefused(answer, "signing_key_missing");
    expect(jsonOf(answer).detail).toMatch(/VERSION_SIGNING_KEY_V2/);
  });

  test("empty text is no key", async () => {
    configure({ VERSION_SIGNING_KEY: "" });
    expect(sourceOf(await state())).toEqual(["generated", "VERSION_SIGNING_KEY"]);
  });

  const published = inject("publicKey");
  test.skipIf(published === null)("the one that is printed in a public document", async () => {
    for (const text of [published!, published!.toUpperCase()]) {
      configure({ VERSION_SIGNING_KEY: text });
      const answer = await state();
      expectRefused(answer, "signing_key_missing");
      expect(jsonOf(answer).detail).toMatch(/printed in a public document/);
      expect(textOf(answer).toLowerCase()).not.toContain(published!.toLowerCase());
      expect(await rowsOf("default")).toEqual({});
    }
  });
});
