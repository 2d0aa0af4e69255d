import { beforeAll, describe, expect, test } from "vitest";
import { ask, configure, declare, type Exchange, jsonOf, MASTER, mint, openRegistry, post } from "./authority.ts";
import { type Refusal, testRefusals } from "./refusals.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

let admin: string;

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  admin = await openRegistry("acme");
  await openRegistry("hidden", "private");
  await declare("acme", admin, ["global:main", "component:a"]);
});

const bumpWith = (token: string, entity = "global:main") =>
  post("/v1/acme/bump", { entity, scope: "minor" }, { token });

describe("scopes", () => {
  const as = (scope: string, send: (token: string) => Promise<Exchange>) => async () =>
    send(await mint("acme", [scope]));
  const declaring = (token: string) => post("/v1/acme/entities", { entities: [{ entity: "global:x" }] }, { token });
  const minting = (token: string) => post("/v1/acme/tokens", { scope: ["read"], expiresIn: 60 }, { token });
  const dry = (token: string) =>
    post("/v1/acme/bump", { entity: "global:main", scope: "minor", dryRun: true }, { token });

  testRefusals("acme", [
    ["read does not bump", as("read", bumpWith), 403, "forbidden"],
    ["watch does not bump", as("watch", bumpWith), 403, "forbidden"],
    ["release does not bump", as("release:*", bumpWith), 403, "forbidden"],
    ["channel does not bump", as("channel:*", bumpWith), 403, "forbidden"],
    ["another type's glob", as("bump:component:*", bumpWith), 403, "forbidden"],
    ["a glob of a longer name", as("bump:global:main-*", bumpWith), 403, "forbidden"],
    ["one entity is not every entity", as("bump:global:main", (token) => bumpWith(token, "*")), 403, "forbidden"],
    ["many entities are not every entity", as("bump:*:*", (token) => bumpWith(token, "*")), 403, "forbidden"],
    ["a plan needs the scope too", as("read", dry), 403, "forbidden"],
    ["bump does not declare", as("bump:*", declaring), 403, "forbidden"],
    ["bump does not mint", as("bump:*", minting), 403, "forbidden"],
    ["read does not mint", as("read", minting), 403, "forbidden"],
    [
      "what is forbidden is so whether it exists or not",
      as("bump:component:*", (token) => bumpWith(token, "global:absent")),
      403,
      "forbidden",
    ],
  ]);

  test.each([
    ["bump:global:main", "global:main"],
    ["bump:*", "global:main"],
    ["bump:*", "*"],
    ["bump:*:a", "component:a"],
    ["admin", "*"],
  ])("%s bumps %s", async (scope, entity) => {
    const answer = await bumpWith(await mint("acme", [scope]), entity);
    expect(answer.status).toBe(200);
  });

  const reads = [
    "",
    "/entities",
    "/entities/global:main",
    "/log/checkpoint",
    "/log/consistency?from=0",
    "/log/proof?seq=0",
  ];
  const private_ = (path: string, authorization?: string) =>
    ask(`/v1/hidden${path}`, {
      headers: authorization === undefined ? {} : { authorization: `Bearer ${authorization}` },
    });
  const hiddenReader = () => mintedReader;
  let mintedReader: string;
  beforeAll(async () => {
    mintedReader = await mint("hidden", ["read"]);
  });
  testRefusals(
    "hidden",
    reads.flatMap((path): Refusal[] => [
      [`nobody reads ${path || "the state"} of a private registry`, () => private_(path), 401, "token_missing"],
      [
        `bump does not read ${path || "the state"}`,
        async () => private_(path, await mint("hidden", ["bump:*"])),
        403,
        "forbidden",
      ],
      [
        `another registry's admin does not read ${path || "the state"}`,
        () => private_(path, admin),
        401,
        "token_invalid",
      ],
    ]),
    { token: hiddenReader },
  );
  test.each(reads.filter((path) => !path.includes("global")))("read reads %s of a private registry", async (path) => {
    const answer = await private_(path, mintedReader);
    expect(answer.status).toBe(200);
    await expectSigned(answer, await keysOf("hidden", { token: mintedReader }));
  });

  test("the keys of a private registry are there for everyone, so that it proves itself before a token comes; its head is not", async () => {
    const inside = jsonOf(await private_("/keys", mintedReader));
    for (const token of [undefined, await mint("hidden", ["bump:*"])]) {
      const answer = await private_("/keys", token);
      expect(answer.status).toBe(200);
      await expectSigned(answer, await keysOf("hidden"));
      const { checkpoint: _, ...shown } = inside;
      expect(jsonOf(answer)).toEqual(shown);
      expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
    }
    expect(inside.checkpoint).toMatch(/^tes.local\/hidden\n/);
    expect((await private_("/keys", admin)).status).toBe(401);
  });
});
