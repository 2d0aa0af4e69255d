import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type JsonValue, parseJson } from "../../../src/core/json.ts";
import { MAX_ENTITIES } from "../../../src/core/limits.ts";
import { declarationOf, parseRegistryFile, REGISTRY_FILE_NAME } from "../../../src/protocol/registry-file.ts";
import { parseDeclareRequest } from "../../../src/protocol/requests.ts";
import { refusal } from "./samples.ts";

const file = (...entities: JsonValue[]): JsonValue => ({ entities });

test("this repository's own file is sound", () => {
  const path = join(import.meta.dirname, "../../..", REGISTRY_FILE_NAME);
  const { registry, entities } = parseRegistryFile(parseJson(readFileSync(path)));
  expect(registry).toBe("default");
  expect(entities.length).toBeGreaterThan(0);
});

test("an entity becomes the declaration of it, with nothing added", () => {
  const { registry, entities } = parseRegistryFile(
    file(
      { id: "a:b", version: "1.0.0" },
      { id: "a:c", parent: "a:b", strategy: "lockstep", files: [{ path: "x.json" }] },
    ),
  );
  expect(registry).toBe("default");
  const declarations = entities.map(declarationOf);
  expect(declarations).toEqual([
    { entity: "a:b", version: "1.0.0" },
    { entity: "a:c", parent: "a:b", strategy: "lockstep", files: [{ path: "x.json" }] },
  ]);
  expect(parseDeclareRequest({ entities: declarations } as unknown as JsonValue)).toEqual({ entities: declarations });
});

const many = (count: number): JsonValue => file(...Array.from({ length: count }, (_, i) => ({ id: `a:n${i}` })));

test.each<[string, JsonValue, string]>([
  ["no entities", file(), "accepted"],
  ["as many entities as a registry", many(MAX_ENTITIES), "accepted"],
  ["one more", many(MAX_ENTITIES + 1), "invalid_field /entities"],
  ["no list", {}, "invalid_field /entities"],
  [
    "a key of TES",
    { entities: [{ id: "a:b", files: [{ path: ".tes/signing.key" }] }] },
    "invalid_field /entities/0/files/0",
  ],
  ["a registry that is no name", { registry: "A", entities: [] }, "invalid_field /registry"],
  ["an unknown member", { entities: [], entity: 1 }, "invalid_field /entity"],
  ["an authority", { entities: [], authority: { url: "https://tes.test:8443", genesis: "a".repeat(64) } }, "accepted"],
  ["an authority that is not pinned", { entities: [], authority: { url: "http://127.0.0.1:8787" } }, "accepted"],
  ["an authority without a URL", { entities: [], authority: {} }, "invalid_field /authority/url"],
  [
    "an authority with a path",
    { entities: [], authority: { url: "https://a.test/v1" } },
    "invalid_field /authority/url",
  ],
  [
    "an authority with a user",
    { entities: [], authority: { url: "https://me:secret@a.test" } },
    "invalid_field /authority/url",
  ],
  [
    "an authority of another scheme",
    { entities: [], authority: { url: "ftp://a.test" } },
    "invalid_field /authority/url",
  ],
  [
    "an authority with half a pin",
    { entities: [], authority: { url: "https://a.test", genesis: "a".repeat(63) } },
    "invalid_field /authority/genesis",
  ],
  [
    "a token beside its authority",
    { entities: [], authority: { url: "https://a.test", token: "x" } },
    "invalid_field /authority/token",
  ],
  ["an id twice", file({ id: "a:b" }, { id: "a:b" }), "invalid_field /entities/1/id"],
  ["a parent that comes later", file({ id: "a:b", parent: "a:c" }, { id: "a:c" }), "accepted"],
  ["a parent that is not there", file({ id: "a:b", parent: "a:c" }), "parent_unknown /entities/0/parent"],
  ["its own parent", file({ id: "a:b", parent: "a:b" }), "cascade_cycle /entities/0/parent"],
  [
    "a cycle of three",
    file({ id: "a:x" }, { id: "a:b", parent: "a:c" }, { id: "a:c", parent: "a:d" }, { id: "a:d", parent: "a:b" }),
    "cascade_cycle /entities/1/parent",
  ],
  [
    "a child of a cycle",
    file({ id: "a:a", parent: "a:b" }, { id: "a:b", parent: "a:c" }, { id: "a:c", parent: "a:b" }),
    "cascade_cycle /entities/1/parent",
  ],
  ["lockstep without a parent", file({ id: "a:b", strategy: "lockstep" }), "invalid_field /entities/0/strategy"],
  [
    "lockstep at another version",
    file({ id: "a:b", version: "1.0.0" }, { id: "a:c", parent: "a:b", strategy: "lockstep", version: "1.0.1" }),
    "invalid_field /entities/1/version",
  ],
  [
    "lockstep at the same version",
    file({ id: "a:b", version: "1.0.0" }, { id: "a:c", parent: "a:b", strategy: "lockstep", version: "1.0.0" }),
    "accepted",
  ],
])("a file with %s", (_, json, expected) => {
  expect(refusal(() => parseRegistryFile(json))).toBe(expected);
});
