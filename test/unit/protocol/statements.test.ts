import { expect, test } from "vitest";
import { decodeUtf8 } from "../../../src/core/bytes.ts";
import { type JsonObject, type JsonValue, parseJson } from "../../../src/core/json.ts";
import { MAX_FLOOR_ENTITIES, MAX_STATEMENT_BYTES } from "../../../src/core/limits.ts";
import {
  parseStatement,
  restoreBytes,
  STATEMENT_TYPES,
  type Statement,
  statementBytes,
} from "../../../src/protocol/statements.ts";
import { BUMPED, DECLARED, GENESIS, MOVED, RESTORED, refusal, SAMPLES, thrownBy } from "./samples.ts";

test("there is a sample of every type", () => {
  expect(SAMPLES.map((sample) => sample.type)).toEqual(STATEMENT_TYPES);
});

test.each(SAMPLES.map((sample) => [sample.type, sample] as const))("%s goes to bytes and back", (_, sample) => {
  const bytes = statementBytes(sample);
  const read = parseStatement(parseJson(bytes));
  expect(read).toEqual(sample);
  expect(statementBytes(read)).toEqual(bytes);
});

test("the bytes are the canonical JSON of docs/formats.md", () => {
  expect(decodeUtf8(statementBytes(BUMPED))).toBe(
    `{"at":1700000000009,"by":"${BUMPED.by}","changes":[{"entity":"global:main","from":"0.1.0","to":"0.2.0-rc.0"}],` +
      `"entity":"global:main","preid":"rc","reason":{"digest":"${BUMPED.reason!.digest}"},` +
      '"registry":"default","scope":"preminor","seq":2,"type":"version.bumped","v":1}',
  );
});

test.each(SAMPLES.map((sample) => [sample.type, sample] as const))(
  "%s refuses each member missing, null, or of another type, and any that is not its own",
  (_, sample) => {
    const optional = new Set(["idempotency", "preid", "metadata", "reason"]);
    for (const member of Object.keys(sample)) {
      if (member === "type") continue;
      const { [member]: _gone, ...rest } = sample as JsonObject;
      const without = refusal(() => parseStatement(rest));
      expect(without, member).toBe(optional.has(member) ? "accepted" : `invalid_field /${member}`);
      for (const wrong of [null, true, -1, 1.5, "", "?", {}, [7]] as const) {
        if (member === "parent" && wrong === null) continue;
        const result = refusal(() => parseStatement({ ...sample, [member]: wrong }));
        expect(result, `${member} = ${JSON.stringify(wrong)}`).toMatch(
          member === "v" && typeof wrong === "number" ? /^statement_unknown$/ : new RegExp(`^invalid_field /${member}`),
        );
      }
    }
    for (const extra of ["extra", "toString", "constructor", "a/b~c", "Type"]) {
      const pointer = `/${extra.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      expect(refusal(() => parseStatement({ ...sample, [extra]: 1 }))).toBe(`invalid_field ${pointer}`);
    }
  },
);

const floorOf = (count: number) => Array.from({ length: count }, (_, i) => ({ entity: `a:n${i}`, version: "1.0.0" }));
const labels = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, "x"]));

test("labels keep every key, also those that schemas of records pass over", () => {
  const read = parseStatement(
    parseJson(statementBytes({ ...DECLARED, metadata: { constructor: "x", prototype: "y" } })),
  );
  expect(read).toMatchObject({ metadata: { constructor: "x", prototype: "y" } });
});

test("a restore's signature covers where in which log it stands", () => {
  const scope = { registry: "default", genesis: "a".repeat(64), size: 9, root: RESTORED.lost.root };
  const text = decodeUtf8(restoreBytes(scope, RESTORED));
  expect(text.startsWith("tes-restore-v1\n{")).toBe(true);
  const { recovery: _signature, v: _v, type: _type, at: _at, by: _by, seq: _seq, ...said } = RESTORED;
  expect(JSON.parse(text.slice("tes-restore-v1\n".length))).toEqual({ ...said, ...scope });
});

test.each<[string, JsonValue, string]>([
  ["an inner unknown member", { ...GENESIS, recovery: { ...GENESIS.recovery, d: "x" } }, "invalid_field /recovery/d"],
  ["a key too few", { ...GENESIS, keys: { "log-ed25519": GENESIS.recovery } }, "invalid_field /keys/response-ed25519"],
  ["a long kid", { ...GENESIS, recovery: { ...GENESIS.recovery, kid: "A".repeat(44) } }, "invalid_field /recovery/kid"],
  ["an upper-case origin", { ...GENESIS, origin: "Example.com" }, "invalid_field /origin"],
  [
    "upper-case hex",
    { ...DECLARED, idempotency: { key: "A".repeat(64), request: "a".repeat(64) } },
    "invalid_field /idempotency/key",
  ],
  ["a version that is none", { ...DECLARED, version: "1.0" }, "invalid_field /version"],
  ["a version too long", { ...DECLARED, version: `1.0.0-${"a".repeat(59)}` }, "invalid_field /version"],
  ["a version at the limit", { ...DECLARED, version: `1.0.0-${"a".repeat(58)}` }, "accepted"],
  ["a file that is not declared any more", { ...DECLARED, files: [{ path: ".git/config" }] }, "accepted"],
  ["an escaping file", { ...DECLARED, files: [{ path: "a" }, { path: "../a" }] }, "invalid_field /files/1/path"],
  ["no changes", { ...BUMPED, changes: [] }, "invalid_field /changes"],
  ["an unknown scope", { ...BUMPED, scope: "huge" }, "invalid_field /scope"],
  ["a bump of all", { ...BUMPED, entity: "*" }, "accepted"],
  ["a declaration of all", { ...DECLARED, entity: "*" }, "invalid_field /entity"],
  ["a preid of digits", { ...BUMPED, preid: "7" }, "invalid_field /preid"],
  ["a preid of 16", { ...BUMPED, preid: "a".repeat(16) }, "accepted"],
  ["a preid of 17", { ...BUMPED, preid: "a".repeat(17) }, "invalid_field /preid"],
  ["a seq past 2^53 - 1", { ...BUMPED, seq: 2 ** 53 }, "invalid_field /seq"],
  ["a label key that a record would drop", { ...DECLARED, metadata: { constructor: "x" } }, "accepted"],
  ["a label key in capitals", { ...DECLARED, metadata: { Team: "x" } }, "invalid_field /metadata"],
  ["a label of 256", { ...DECLARED, metadata: { a: "x".repeat(256) } }, "accepted"],
  ["a label of 257", { ...DECLARED, metadata: { a: "x".repeat(257) } }, "invalid_field /metadata"],
  ["16 labels", { ...DECLARED, metadata: labels(16) }, "accepted"],
  ["17 labels", { ...DECLARED, metadata: labels(17) }, "invalid_field /metadata"],
  ["no labels", { ...DECLARED, metadata: {} }, "invalid_field /metadata"],
  ["a move to a path", { ...MOVED, to: { ...MOVED.to, url: "https://tes.example/" } }, "invalid_field /to/url"],
  ["a move to ftp", { ...MOVED, to: { ...MOVED.to, url: "ftp://tes.example" } }, "invalid_field /to/url"],
  ["a first epoch", { ...RESTORED, epoch: 1 }, "invalid_field /epoch"],
  ["a floor twice", { ...RESTORED, floor: [...RESTORED.floor, ...RESTORED.floor] }, "invalid_field /floor"],
  ["a floor of all entities", { ...RESTORED, floor: floorOf(MAX_FLOOR_ENTITIES) }, "accepted"],
  ["a floor of one more", { ...RESTORED, floor: floorOf(MAX_FLOOR_ENTITIES + 1) }, "invalid_field /floor"],
  ["the last seq", { ...BUMPED, seq: 2 ** 53 - 1 }, "accepted"],
])("%s", (_, json, expected) => {
  expect(refusal(() => parseStatement(json))).toBe(expected);
});

test("what a later release writes is unknown, not wrong", () => {
  for (const type of ["channel.moved", "toString", "__proto__", "x".repeat(10_000)]) {
    const error = thrownBy(() => parseStatement({ ...BUMPED, type }));
    expect(error?.code).toBe("statement_unknown");
    expect(error!.detail!.length).toBeLessThan(100);
  }
  expect(refusal(() => parseStatement({ ...BUMPED, v: 2 }))).toBe("statement_unknown");
});

test("what is not a statement at all is refused", () => {
  for (const json of [null, 1, "x", [], [BUMPED]]) {
    expect(refusal(() => parseStatement(json))).toBe("invalid_field ");
  }
  expect(refusal(() => parseStatement({}))).toBe("invalid_field /type");
  expect(refusal(() => parseStatement({ ...BUMPED, type: 1 }))).toBe("invalid_field /type");
});

test("a statement holds up to its limit in bytes and not one more", () => {
  const padded = (bytes: number): Statement => {
    const change = (id: string) => ({ entity: id, from: "0.1.0", to: "0.2.0" });
    const base = { ...BUMPED, changes: [] as (typeof BUMPED.changes)[number][] };
    const size = (): number => JSON.stringify(base).length;
    while (size() < bytes - 400) base.changes.push(change(`a:${"n".repeat(128)}`));
    // Two ids more, of the length that is left.
    base.changes.push(change("a:n"), change("a:n"));
    const left = bytes - size();
    base.changes[base.changes.length - 1] = change(`a:n${"n".repeat(Math.min(left, 127))}`);
    base.changes[base.changes.length - 2] = change(`a:n${"n".repeat(left - Math.min(left, 127))}`);
    return base;
  };
  expect(statementBytes(padded(MAX_STATEMENT_BYTES))).toHaveLength(MAX_STATEMENT_BYTES);
  const error = thrownBy(() => statementBytes(padded(MAX_STATEMENT_BYTES + 1)));
  expect(error?.code).toBe("statement_too_large");
  expect(error?.facts).toEqual({ bytes: MAX_STATEMENT_BYTES + 1, limit: MAX_STATEMENT_BYTES });
});
