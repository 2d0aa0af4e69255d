/** Several registries in one deployment: who opens them, who lists them, and what one is worth in another. */

import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { VersionManagementDO } from "../../src/worker/version-management-do.ts";
import {
  ask,
  codeOf,
  configure,
  declare,
  type Exchange,
  GENESIS_REQUEST,
  isSigned,
  jsonOf,
  MASTER,
  mint,
  openRegistry,
  post,
  randomKey,
  restart,
  rowsOf,
  textOf,
} from "./authority.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

beforeEach(() => configure({ VERSION_SIGNING_KEY: MASTER, TES_GENESIS: "auto" }));
afterEach(async () => {
  vi.restoreAllMocks();
  await reset();
});

const names = async () =>
  jsonOf(await ask("/v1/default/registries")).registries.map(({ name }: { name: string }) => name);
const delist = (name: string, token: string, key = randomKey()) =>
  post(`/v1/default/registries/${name}/delist`, {}, { token, key });
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe("opening", () => {
  test("an admin of default opens a registry, and default's log says so, after the genesis", async () => {
    const token = await mint("default", ["admin"]);
    const opened = await post("/v1/team", GENESIS_REQUEST, { token });
    expect(opened.status, textOf(opened)).toBe(201);
    await expectSigned(opened, await keysOf("team"));
    const { genesis } = jsonOf(opened);
    const { registries, size } = jsonOf(await ask("/v1/default/registries"));
    expect(registries).toEqual([{ name: "team", genesis, at: expect.any(Number) }]);
    const { statement } = jsonOf(await ask(`/v1/default/log/proof?seq=${size - 1}`));
    expect(statement).toMatchObject({
      type: "registry.listed",
      name: "team",
      genesis,
      by: jsonOf(opened).receipt.statement.by,
    });
    // A token of default opens the door and is worth nothing behind it.
    expect(codeOf(await post("/v1/team/entities", { entities: [{ entity: "a:b" }] }, { token }))).toBe("token_invalid");
  });

  test("a token minted offline for the name opens it too, and it is listed", async () => {
    await openRegistry("team");
    await openRegistry("another", "private");
    expect(await names()).toEqual(["another", "team"]);
  });

  test.each<[string, () => Promise<string>, string]>([
    ["a reader of default", () => mint("default", ["read", "bump:*"]), "forbidden"],
    ["an expired admin of default", () => mint("default", ["admin"], { claims: { iat: 1, exp: 2 } }), "token_expired"],
    [
      "an admin of default under another key",
      () => mint("default", ["admin"], { master: "ab".repeat(32) }),
      "token_invalid",
    ],
    ["another registry's admin", () => mint("other", ["admin"]), "token_invalid"],
  ])("%s does not, and nothing is stored", async (_name, token, code) => {
    const answer = await post("/v1/team", GENESIS_REQUEST, { token: await token() });
    expect([codeOf(answer), isSigned(answer)]).toEqual([code, false]);
    expect(await rowsOf("team")).toEqual({});
  });

  test("a token that default revoked does not", async () => {
    const token = await mint("default", ["admin"]);
    const { jti } = JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
    await post(`/v1/default/tokens/${jti}/revoke`, {}, { token: await mint("default", ["admin"]) });
    expect(codeOf(await post("/v1/team", GENESIS_REQUEST, { token }))).toBe("token_revoked");
  });

  test("without a registry default nothing could list it, and it is not made", async () => {
    configure({ TES_GENESIS: undefined });
    const answer = await post("/v1/team", GENESIS_REQUEST, { token: await mint("team", ["admin"]) });
    expect([answer.status, codeOf(answer)]).toEqual([404, "registry_unknown"]);
    expect(await rowsOf("team")).toEqual({});
  });

  test("a try that ended between genesis and list: unknown meanwhile, finished by the next", async () => {
    const token = await mint("team", ["admin"]);
    const enlist = vi
      .spyOn(VersionManagementDO.prototype, "enlist")
      .mockResolvedValue({ code: "internal", detail: "" });
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect((await post("/v1/team", GENESIS_REQUEST, { token })).status).toBe(500);
    expect(logged).toHaveBeenCalled();
    enlist.mockRestore();
    for (const again of [false, true]) {
      if (again) await restart("team");
      const unknown = await ask("/v1/team");
      expect([unknown.status, isSigned(unknown)]).toEqual([404, false]);
    }
    // Somebody else's registry of that name it does not become.
    const other = await post("/v1/team", { ...GENESIS_REQUEST, visibility: "private" }, { token });
    expect(codeOf(other)).toBe("genesis_exists");
    const finished = await post("/v1/team", GENESIS_REQUEST, { token });
    expect(finished.status, textOf(finished)).toBe(201);
    expect((await rowsOf("team")).statement).toHaveLength(1);
    await declare("team", token, ["a:b"]);
    expect(await names()).toEqual(["team"]);
  });

  test("a registry that lost its place on the list takes it again when one of its admins asks for it", async () => {
    vi.spyOn(VersionManagementDO.prototype, "enlist").mockResolvedValue({ ok: "listed" });
    const token = await openRegistry("old");
    vi.restoreAllMocks();
    expect(await names()).toEqual([]);
    await restart("old");
    expect((await ask("/v1/old/keys", { headers: { "tes-nonce": randomKey() } })).status).toBe(404);
    expect(codeOf(await post("/v1/old", GENESIS_REQUEST, { token }))).toBe("genesis_exists");
    expect((await ask("/v1/old")).status).toBe(200);
    expect(await names()).toEqual(["old"]);
  });

  test("while default cannot answer, a listed registry still does", async () => {
    await openRegistry("team");
    await restart("team");
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(VersionManagementDO.prototype, "listingOf").mockRejectedValue(new Error("gone"));
    expect((await ask("/v1/team")).status).toBe(200);
  });
});

describe("delisting", () => {
  test("makes a registry unknown to the outside, keeps its log for its admins, and its name", async () => {
    const own = await openRegistry("team");
    await declare("team", own, ["a:b"]);
    const admin = await mint("default", ["admin"]);
    const key = randomKey();
    const first = await delist("team", admin, key);
    expect(first.status, textOf(first)).toBe(200);
    expect(jsonOf(first).receipt.statement).toMatchObject({ type: "registry.delisted", name: "team" });
    expect(jsonOf(await delist("team", admin, key)).receipt.statement).toEqual(jsonOf(first).receipt.statement);
    expect(jsonOf(await delist("team", admin)).receipt).toBeNull();
    expect(await names()).toEqual([]);
    const reader = await mint("team", ["read", "bump:*"]);
    for (const again of [false, true]) {
      if (again) await restart("team");
      const outside: Exchange[] = [
        await ask("/v1/team"),
        await ask("/v1/team/nothing"),
        await ask("/v1/team", { method: "HEAD" }),
        await ask("/v1/team", bearer(reader)),
        await ask("/v1/team", bearer(admin)),
        await post("/v1/team/bump", { entity: "a:b", scope: "minor" }, { token: reader }),
        await post("/v1/team/bump", { entity: "a:b", scope: "minor" }),
      ];
      for (const answer of outside) expect([answer.status, isSigned(answer)]).toEqual([404, false]);
      expect(new Set(outside.filter(({ body }) => body.length > 0).map(textOf)).size).toBe(1);
      const inside = await ask("/v1/team/log/proof?seq=1", bearer(own));
      expect(inside.status).toBe(200);
      expect(inside.headers).not.toHaveProperty("access-control-allow-origin");
      const refused = await post("/v1/team/bump", { entity: "a:b", scope: "minor" }, { token: own });
      expect([refused.status, codeOf(refused)]).toEqual([409, "registry_read_only"]);
      expect(jsonOf(refused)).toMatchObject({ detail: expect.stringMatching(/^It was delisted/) });
      expect(textOf(refused)).not.toMatch(/has moved/i);
      // What its admins ask for and is not there is no secret to them.
      const unknown = await ask("/v1/team/entities/a:none", bearer(own));
      expect([unknown.status, codeOf(unknown), isSigned(unknown)]).toEqual([404, "entity_unknown", true]);
    }
    const again = await post("/v1/team", GENESIS_REQUEST, { token: admin });
    expect([again.status, isSigned(again)]).toEqual([404, false]);
    expect((await rowsOf("team")).statement).toHaveLength(2);
  });

  test.each<[string, () => Promise<Exchange>, string]>([
    ["a name that is not there", async () => delist("nobody", await mint("default", ["admin"])), "registry_unknown"],
    ["default itself", async () => delist("default", await mint("default", ["admin"])), "invalid_field"],
    ["a name that cannot be", async () => delist("NO", await mint("default", ["admin"])), "invalid_field"],
    ["by a reader", async () => delist("team", await mint("default", ["read"])), "forbidden"],
    ["by its own admin", async () => delist("team", await mint("team", ["admin"])), "token_invalid"],
  ])("%s is refused", async (_name, send, code) => {
    await openRegistry("team");
    const answer = await send();
    expect(codeOf(answer)).toBe(code);
    await expectSigned(answer, await keysOf("default"));
    expect(await names()).toEqual(["team"]);
  });

  test("only default has the list", async () => {
    const token = await openRegistry("team");
    expect(codeOf(await ask("/v1/team/registries"))).toBe("route_unknown");
    expect(codeOf(await post("/v1/team/registries/default/delist", {}, { token }))).toBe("route_unknown");
  });
});

test("registries of one deployment share nothing: keys, tokens, statements, texts", async () => {
  const [one, two] = [await openRegistry("one"), await openRegistry("two", "private")];
  await declare("one", one, ["a:b"]);
  const reason = { entity: "a:b", scope: "minor", reason: "only in one" };
  const key = randomKey();
  const { receipt } = jsonOf(await post("/v1/one/bump", reason, { token: one, key }));
  await declare("two", two, ["a:b"]);
  expect(codeOf(await post("/v1/two/bump", reason, { token: one, key }))).toBe("token_invalid");
  expect(codeOf(await ask("/v1/two", bearer(one)))).toBe("token_invalid");
  expect(codeOf(await ask(`/v1/two/blobs/${receipt.statement.reason.digest}`, bearer(two)))).toBe("blob_unknown");
  // The same idempotency key is another one there.
  const bumped = jsonOf(await post("/v1/two/bump", { entity: "a:b", scope: "major" }, { token: two, key }));
  expect(bumped.changes).toEqual([{ entity: "a:b", from: "1.0.0", to: "2.0.0" }]);
  const kids = async (name: string, token: string) =>
    jsonOf(await ask(`/v1/${name}/keys`, bearer(token))).keys.map(({ kid }: { kid: string }) => kid);
  const [ofOne, ofTwo] = [await kids("one", one), await kids("two", two)];
  expect(ofOne.filter((kid: string) => ofTwo.includes(kid))).toEqual([]);
});
