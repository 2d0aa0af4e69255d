import { beforeAll, describe, expect, test } from "vitest";
import { concat, utf8 } from "../../src/core/bytes.ts";
import { contentDigest } from "../../src/core/digest.ts";
import { MAX_BODY_BYTES, MAX_JSON_DEPTH } from "../../src/core/limits.ts";
import { MAX_DECLARATIONS } from "../../src/protocol/requests.ts";
import { ask, configure, declare, type Exchange, jsonOf, MASTER, openRegistry, post, randomKey } from "./authority.ts";
import { type Refusal, testRefusals } from "./refusals.ts";

let token: string;

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  token = await openRegistry("acme");
  await declare("acme", token, [
    "global:main",
    { entity: "component:a", parent: "global:main", strategy: "linked" },
    { entity: "component:b", parent: "component:a", strategy: "linked" },
    { entity: "global:last", version: "9007199254740991.0.0" },
  ]);
});

const bump = (json: unknown) => post("/v1/acme/bump", json, { token });
const entities = (...list: unknown[]) => post("/v1/acme/entities", { entities: list }, { token });

/** Sends bytes as they are, with the digest that fits them. */
function raw(body: Uint8Array<ArrayBuffer> | string, path = "/v1/acme/bump"): Promise<Exchange> {
  const bytes = typeof body === "string" ? utf8(body) : body;
  return ask(path, {
    body: bytes,
    headers: {
      "content-type": "application/json",
      "content-digest": contentDigest(bytes),
      "idempotency-key": randomKey(),
      authorization: `Bearer ${token}`,
    },
  });
}

const MAIN = { entity: "global:main", scope: "minor" };
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
/** A dry run, made exactly so long with white space. */
const ofLength = (length: number) => JSON.stringify({ ...MAIN, dryRun: true }).padEnd(length);

describe("what is no JSON", () => {
  testRefusals("acme", [
    ["nothing", () => raw(""), 400, "json_invalid"],
    ["white space", () => raw("  \n"), 400, "json_invalid"],
    ["a word", () => raw("bump"), 400, "json_invalid"],
    ["cut short", () => raw('{"entity":"global:main","scope":"mi'), 400, "json_invalid"],
    ["a comma too many", () => raw('{"entity":"global:main","scope":"minor",}'), 400, "json_invalid"],
    ["two values", () => raw('{"entity":"global:main","scope":"minor"}{}'), 400, "json_invalid"],
    ["a comment", () => raw('{"entity":"global:main",/* */"scope":"minor"}'), 400, "json_invalid"],
    ["single quotes", () => raw("{'entity':'global:main','scope':'minor'}"), 400, "json_invalid"],
    ["NaN", () => raw('{"entity":"global:main","scope":NaN}'), 400, "json_invalid"],
    ["a form", () => raw("entity=global:main&scope=minor"), 400, "json_invalid"],
    ["a byte order mark", () => raw(`\ufeff${JSON.stringify(MAIN)}`), 400, "json_invalid"],
    [
      "bytes that are not UTF-8",
      () => raw(concat(utf8('{"entity":"'), Uint8Array.of(0xff, 0xfe), utf8('"}'))),
      400,
      "json_invalid",
    ],
    [
      "an overlong slash",
      () => raw(concat(utf8('{"entity":"'), Uint8Array.of(0xc0, 0xaf), utf8('"}'))),
      400,
      "json_invalid",
    ],
    [
      "a surrogate in UTF-8",
      () => raw(concat(utf8('{"a":"'), Uint8Array.of(0xed, 0xa0, 0x80), utf8('"}'))),
      400,
      "json_invalid",
    ],
    ["half a surrogate pair", () => raw('{"entity":"\\ud800","scope":"minor"}'), 400, "json_invalid"],
    ["a NUL in a string", () => raw('{"entity":"global:\u0000main","scope":"minor"}'), 400, "json_invalid"],
    ["a line break in a string", () => raw('{"entity":"global:\nmain","scope":"minor"}'), 400, "json_invalid"],
    [
      "__proto__ as a key",
      () => raw('{"__proto__":{"admin":true},"entity":"global:main","scope":"minor"}'),
      400,
      "json_invalid",
    ],
    [
      "a key twice",
      () => raw('{"entity":"global:main","scope":"minor","entity":"global:main"}'),
      400,
      "json_duplicate_key",
    ],
    [
      "a key twice, once escaped",
      () => raw('{"scope":"minor","entity":"global:main","\\u0073cope":"major"}'),
      400,
      "json_duplicate_key",
    ],
    [
      "a key twice, deep inside",
      () => raw('{"entities":[{"entity":"global:x","files":[{"path":"a","path":"b"}]}]}', "/v1/acme/entities"),
      400,
      "json_duplicate_key",
    ],
    ["2^53", () => raw('{"entity":"global:main","scope":"minor","dryRun":9007199254740992}'), 400, "json_number"],
    [
      "2^53 + 1 with an exponent",
      () => raw('{"scope":["read"],"expiresIn":9.007199254740993e15}', "/v1/acme/tokens"),
      400,
      "json_number",
    ],
    [
      "a number past every double",
      () => raw('{"scope":["read"],"expiresIn":1e400}', "/v1/acme/tokens"),
      400,
      "json_number",
    ],
    [
      "a number that would become 0",
      () => raw('{"scope":["read"],"expiresIn":1e-400}', "/v1/acme/tokens"),
      400,
      "json_number",
    ],
    ["-0", () => raw('{"scope":["read"],"expiresIn":-0}', "/v1/acme/tokens"), 400, "json_number"],
    ["a leading zero", () => raw('{"scope":["read"],"expiresIn":060}', "/v1/acme/tokens"), 400, "json_invalid"],
  ]);
});

describe("limits, on both sides", () => {
  test("the longest body is read", async () => {
    const answer = await raw(ofLength(MAX_BODY_BYTES));
    expect(jsonOf(answer)).toMatchObject({
      dryRun: true,
      changes: [{ to: "1.1.0" }, { to: "0.2.0" }, { to: "0.2.0" }],
    });
  });

  test("the deepest nesting is read, and is no bump", async () => {
    const answer = await raw(nested(MAX_JSON_DEPTH));
    expect([answer.status, jsonOf(answer).code]).toEqual([422, "invalid_field"]);
  });

  test("as many entities as one request may declare", async () => {
    const list = Array.from({ length: MAX_DECLARATIONS }, (_, i) => ({ entity: `many:e${i}` }));
    const answer = await declare("wide", await openRegistry("wide"), list);
    expect(jsonOf(answer).receipts).toHaveLength(MAX_DECLARATIONS);
  });

  testRefusals("acme", [
    ["a byte more", () => raw(ofLength(MAX_BODY_BYTES + 1)), 413, "body_too_large"],
    ["2 MiB", () => raw(ofLength(2 * 1_048_576)), 413, "body_too_large"],
    [
      "2 MiB that do not say how long they are",
      () =>
        ask("/v1/acme/bump", {
          method: "POST",
          stream: ofLength(2 * 1_048_576),
          headers: {
            "content-type": "application/json",
            "idempotency-key": randomKey(),
            authorization: `Bearer ${token}`,
          },
        }),
      413,
      "body_too_large",
    ],
    ["a level more", () => raw(nested(MAX_JSON_DEPTH + 1)), 400, "json_depth"],
    ["100,000 levels", () => raw(nested(100_000)), 400, "json_depth"],
    [
      "objects, a level more",
      () => raw(`${'{"a":'.repeat(MAX_JSON_DEPTH + 1)}1${"}".repeat(MAX_JSON_DEPTH + 1)}`),
      400,
      "json_depth",
    ],
    [
      "an entity more than one request may declare",
      () => entities(...Array.from({ length: MAX_DECLARATIONS + 1 }, (_, i) => ({ entity: `more:e${i}` }))),
      422,
      "invalid_field",
    ],
  ]);
});

describe("wrong types and unknown members", () => {
  const values: readonly [string, unknown][] = [
    ["null", null],
    ["a number", 1],
    ["a boolean", true],
    ["a list", []],
    ["an object", {}],
    ["empty text", ""],
  ];
  const wrong = (name: string, allowed: readonly string[], send: (value: unknown) => Promise<Exchange>): Refusal[] =>
    values
      .filter(([kind]) => !allowed.includes(kind))
      .map(([kind, value]) => [`${name}: ${kind}`, () => send(value), 422, "invalid_field"]);
  const declaring = (member: string, allowed: readonly string[]) =>
    wrong(`entities.${member}`, allowed, (value) => entities({ entity: "global:new", [member]: value }));
  const minting = (member: string, allowed: readonly string[]) =>
    wrong(`tokens.${member}`, allowed, (value) =>
      post("/v1/acme/tokens", { scope: ["read"], expiresIn: 60, [member]: value }, { token }),
    );

  testRefusals("acme", [
    ...wrong("a bump", ["an object"], bump),
    ...wrong("a bump's entity", [], (entity) => bump({ ...MAIN, entity })),
    ...wrong("a bump's scope", [], (scope) => bump({ ...MAIN, scope })),
    ...wrong("a bump's preid", [], (preid) => bump({ ...MAIN, scope: "prerelease", preid })),
    ...wrong("a bump's expected", [], (expected) => bump({ ...MAIN, expected })),
    ...wrong("a bump's dryRun", ["a boolean"], (dryRun) => bump({ ...MAIN, dryRun })),
    ...wrong("entities", [], (list) => post("/v1/acme/entities", { entities: list }, { token })),
    ...wrong("an entity", ["an object"], (entity) => entities(entity)),
    ...declaring("entity", []),
    ...declaring("version", []),
    ...declaring("strategy", []),
    ...declaring("parent", ["null"]),
    ...declaring("files", ["a list"]),
    ...minting("scope", []),
    ...minting("expiresIn", ["a number"]),
    ...minting("label", []),
    ["a bump without an entity", () => bump({ scope: "minor" }), 422, "invalid_field"],
    ["a bump without a scope", () => bump({ entity: "global:main" }), 422, "invalid_field"],
    ["an empty bump", () => bump({}), 422, "invalid_field"],
    ["expceted", () => bump({ ...MAIN, expceted: "9.9.9" }), 422, "invalid_field"],
    ["constructor", () => bump({ ...MAIN, constructor: {} }), 422, "invalid_field"],
    ["an unknown scope", () => bump({ ...MAIN, scope: "mega" }), 422, "invalid_field"],
    ["a scope in upper case", () => bump({ ...MAIN, scope: "MINOR" }), 422, "invalid_field"],
    ["a preid with a scope that makes no prerelease", () => bump({ ...MAIN, preid: "rc" }), 422, "invalid_field"],
    ["a preid of digits", () => bump({ ...MAIN, scope: "prerelease", preid: "12" }), 422, "invalid_field"],
    ["expected with *", () => bump({ entity: "*", scope: "minor", expected: "1.0.0" }), 422, "invalid_field"],
    ["expected that is no version", () => bump({ ...MAIN, expected: "v1.0.0" }), 422, "invalid_field"],
    [
      "a member beside entities",
      () => post("/v1/acme/entities", { entities: [{ entity: "global:new" }], force: true }, { token }),
      422,
      "invalid_field",
    ],
    ["a member inside an entity", () => entities({ entity: "global:new", verison: "1.0.0" }), 422, "invalid_field"],
    [
      "a member inside a file",
      () => entities({ entity: "global:new", files: [{ path: "a", mode: 7 }] }),
      422,
      "invalid_field",
    ],
    ["an entity twice", () => entities({ entity: "global:new" }, { entity: "global:new" }), 422, "invalid_field"],
    [
      "a path out of the checkout",
      () => entities({ entity: "global:new", files: [{ path: "../package.json" }] }),
      422,
      "invalid_field",
    ],
    [
      "2^53 in a version",
      () => entities({ entity: "global:new", version: "9007199254740992.0.0" }),
      422,
      "invalid_field",
    ],
    [
      "a version of 65 characters",
      () => entities({ entity: "global:new", version: `1.0.0-${"a".repeat(59)}` }),
      422,
      "invalid_field",
    ],
    [
      "a life of half a second",
      () => post("/v1/acme/tokens", { scope: ["read"], expiresIn: 0.5 }, { token }),
      422,
      "invalid_field",
    ],
    ["a bump past 2^53 − 1", () => bump({ entity: "global:last", scope: "major" }), 422, "version_overflow"],
  ]);
});

describe("what the rules refuse", () => {
  testRefusals("acme", [
    ["its own parent", () => entities({ entity: "global:new", parent: "global:new" }), 422, "cascade_cycle"],
    [
      "its own parent, afterwards",
      () => entities({ entity: "global:main", parent: "global:main" }),
      422,
      "cascade_cycle",
    ],
    ["a cycle of two", () => entities({ entity: "global:main", parent: "component:a" }), 422, "cascade_cycle"],
    ["a cycle of three", () => entities({ entity: "global:main", parent: "component:b" }), 422, "cascade_cycle"],
    [
      "a cycle of two in one request",
      () => entities({ entity: "x:a", parent: "x:b" }, { entity: "x:b", parent: "x:a" }),
      422,
      "cascade_cycle",
    ],
    [
      "a parent that does not exist",
      () => entities({ entity: "global:new", parent: "global:absent" }),
      422,
      "parent_unknown",
    ],
    [
      "one of several without its parent: none is declared",
      () =>
        entities({ entity: "global:one" }, { entity: "global:two" }, { entity: "global:new", parent: "global:absent" }),
      422,
      "parent_unknown",
    ],
    ["lockstep without a parent", () => entities({ entity: "global:new", strategy: "lockstep" }), 422, "invalid_field"],
    [
      "lockstep at another version than its parent's",
      () => entities({ entity: "global:new", strategy: "lockstep", parent: "global:main", version: "7.0.0" }),
      422,
      "invalid_field",
    ],
    [
      "a version that is declared, not bumped",
      () => entities({ entity: "global:main", version: "2.0.0" }),
      422,
      "invalid_field",
    ],
    ["an entity that does not exist", () => bump({ entity: "global:absent", scope: "minor" }), 404, "entity_unknown"],
    [
      "release where there is no prerelease",
      () => bump({ entity: "global:main", scope: "release" }),
      409,
      "nothing_to_bump",
    ],
    ["a version that is not the current one", () => bump({ ...MAIN, expected: "0.9.0" }), 409, "version_conflict"],
  ]);
});

describe("ids", () => {
  const strange: readonly [string, string][] = [
    ["a slash", "component:a/b"],
    ["a backslash", "component:a\\b"],
    ["dots that climb", "component:.."],
    ["two dots inside", "component:a..b"],
    ["a dot at the end", "component:a."],
    ["NUL", "component:a\u0000"],
    ["a line break", "component:a\n"],
    ["a space before", " component:a"],
    ["a space inside", "component:a b"],
    ["10,000 characters", `component:${"a".repeat(9_990)}`],
    ["a name of 129", `component:${"a".repeat(129)}`],
    ["a type of 33", `${"a".repeat(33)}:a`],
    ["a Cyrillic a", "component:\u0430"],
    ["a Cyrillic type", "\u0441omponent:a"],
    ["full-width letters", "component:\uff41"],
    ["a full-width colon", "component\uff1aa"],
    ["an accent, composed", "component:\u00e9"],
    ["an accent, combined", "component:e\u0301"],
    ["a zero-width joiner", "component:a\u200d"],
    ["text from right to left", "component:\u202ea"],
    ["upper case", "Component:a"],
    ["no type", ":a"],
    ["no name", "component:"],
    ["no colon", "component"],
    ["two colons", "component:a:b"],
    ["a percent", "component:%61"],
    ["a star inside", "component:*"],
    ["an object's own name", "toString"],
  ];
  testRefusals(
    "acme",
    strange.flatMap(([name, id]): Refusal[] => [
      [`bump ${name}`, () => bump({ entity: id, scope: "minor" }), 422, "invalid_field"],
      [`declare ${name}`, () => entities({ entity: id }), 422, "invalid_field"],
      [`${name} as a parent`, () => entities({ entity: "global:new", parent: id }), 422, "invalid_field"],
    ]),
  );

  test("the longest is taken", async () => {
    const id = `${"t".repeat(32)}:${"n".repeat(128)}`;
    await declare("acme", token, [id]);
    const answer = await ask(`/v1/acme/entities/${id}`);
    expect(jsonOf(answer).entity.version).toBe("1.0.0");
  });
});
