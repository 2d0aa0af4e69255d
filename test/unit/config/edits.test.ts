import { describe, expect, test } from "vitest";
import type { Mend } from "../../../src/cli/config/fix/plan.ts";
import { applySplices, leadStart, reindent, widenOverBlank } from "../../../src/cli/config/fix/splice.ts";
import { isMended } from "../../../src/cli/config/fix/value.ts";
import { type ParsedConfig, parseConfig } from "../../../src/cli/config/parse.ts";
import { closest } from "../../../src/cli/config/spelling.ts";
import { equalNodes, valueKey } from "../../../src/cli/config/tree.ts";

const parsed = (text: string): ParsedConfig => {
  const config = parseConfig("wrangler.json", text);
  if (!config.ok) throw new Error(config.message);
  return config;
};

describe("splices", () => {
  test("leave everything they do not name, and keep their order at one place", () => {
    const splices = [
      { start: 4, end: 4, text: "2" },
      { start: 0, end: 1, text: "A" },
      { start: 4, end: 4, text: "3" },
    ];
    expect(applySplices("abcdef", splices)).toBe("Abcd23ef");
  });

  test("that claim the same characters are none", () => {
    const over = { start: 1, end: 4, text: "" };
    expect(applySplices("abcdef", [over, { start: 3, end: 5, text: "x" }])).toBeNull();
    expect(applySplices("abcdef", [over, { start: 4, end: 5, text: "x" }])).toBe("axf");
  });

  test("take the comments directly above, and one of two blank lines", () => {
    const config = parseConfig("wrangler.toml", "a = 1 # not this\n# one\n  # two\nb = 2\n");
    if (!config.ok) throw new Error(config.message);
    expect(leadStart(config.text, config.text.indexOf("b ="), config.comments)).toBe(config.text.indexOf("# one"));
    expect(leadStart(config.text, 0, config.comments)).toBe(0);
    const text = "a\n\nb\n\nc\n";
    expect(widenOverBlank(text, 3, 5)).toEqual({ start: 3, end: 6 });
    expect(widenOverBlank("a\n\nb\n", 3, 5)).toEqual({ start: 2, end: 5 });
    expect(widenOverBlank("a\nb\n\nc\n", 2, 4)).toEqual({ start: 2, end: 4 });
    expect(reindent("{\n    a\n  }", "  ", "")).toBe("{\n  a\n}");
  });
});

describe("what a mend has to lead to", () => {
  const before = parsed('{"durable_objects":{"bindings":[],"migrations":[{"tag":"v1"}]},"env":{"a":{}}}');
  const durable = before.root.entries.get("durable_objects")!.node;
  const nested = durable.kind === "object" ? durable.entries.get("migrations")! : undefined;
  const move: Mend = {
    kind: "move",
    env: null,
    nested: nested!,
    kept: nested!.node.kind === "array" ? nested!.node.items : [],
  };
  const leads = (text: string, mend: Mend) => isMended(before.root, parsed(text).root, mend);

  test("is that and nothing else, whatever the order", () => {
    const env = '"env":{"a":{}}';
    expect(leads(`{"migrations":[{"tag":"v1"}],"durable_objects":{"bindings":[]},${env}}`, move)).toBe(true);
    for (const wrong of [
      `{"migrations":[{"tag":"v2"}],"durable_objects":{"bindings":[]},${env}}`,
      `{"migrations":[{"tag":"v1"}],"durable_objects":{},${env}}`,
      `{"migrations":[{"tag":"v1"}],"durable_objects":{"bindings":[],"migrations":[]},${env}}`,
      `{"migrations":[{"tag":"v1"}],"durable_objects":{"bindings":[]}}`,
      `{"migrations":[{"tag":"v1"}],"durable_objects":{"bindings":[]},${env},"name":"x"}`,
      before.text,
    ]) {
      expect(leads(wrong, move), wrong).toBe(false);
    }
  });

  test("in an environment as at the top level", () => {
    const objects = '"durable_objects":{"bindings":[],"migrations":[{"tag":"v1"}]}';
    const require: Mend = { kind: "require", env: "a", names: ["K"] };
    expect(leads(`{${objects},"env":{"a":{"secrets":{"required":["K"]}}}}`, require)).toBe(true);
    expect(leads(`{${objects},"env":{"a":{"secrets":{"required":["L"]}}}}`, require)).toBe(false);
    expect(leads(`{${objects},"env":{"a":{}},"secrets":{"required":["K"]}}`, require)).toBe(false);
    const create: Mend = { kind: "create", env: "a", tag: "v1", classes: ["C"] };
    const list = '"migrations":[{"tag":"v1","new_sqlite_classes":["C"]}]';
    expect(leads(`{${objects},"env":{"a":{${list}}}}`, create)).toBe(true);
    expect(leads(`{${objects},${list},"env":{"a":{}}}`, create)).toBe(false);
  });

  test("two values share a key exactly when they are equal", () => {
    const values = [
      "1",
      '"1"',
      "null",
      "true",
      "[]",
      "{}",
      "[1]",
      '["1"]',
      '{"a":1}',
      '{"a":"1"}',
      '{"a":1,"b":[{}]}',
      '{"b":[{}],"a":1}',
    ];
    const nodes = values.map((value) => parsed(`{"x":${value}}`).root);
    for (const a of nodes) for (const b of nodes) expect(valueKey(a) === valueKey(b)).toBe(equalNodes(a, b));
  });
});

describe("did you mean", () => {
  const known = ["compatibility_date", "compatibility_flags", "kv_namespaces", "class_name", "name", "main", "vars"];

  test.each([
    ["compatability_date", "compatibility_date"],
    ["compatibilityDate", "compatibility_date"],
    ["Compatibility-Flags", "compatibility_flags"],
    ["kv_namespace", "kv_namespaces"],
    ["class", "class_name"],
    ["nmae", "name"],
    ["mian", "main"],
    ["ars", "vars"],
    ["var", "vars"],
    ["host", undefined],
    ["nome", "name"],
    ["noun", undefined],
    ["queues", undefined],
  ])("%s: %s", (name, meant) => expect(closest(name, known)).toBe(meant));
});
