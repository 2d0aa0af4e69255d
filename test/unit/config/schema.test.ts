import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileConfigSchema } from "../../../scripts/compile-config-schema.ts";
import { KINDS } from "../../../src/cli/config/checks/bindings.ts";
import { NOT_INHERITED } from "../../../src/cli/config/model.ts";
import { parseConfig } from "../../../src/cli/config/parse.ts";
import { checkSchema, findDates, SCHEMA_SOURCE } from "../../../src/cli/config/schema.ts";
import { readCorpus } from "./corpus.ts";
import { plainOf } from "./plain.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const WRANGLER = join(ROOT, "node_modules", "wrangler");
const source = readFileSync(join(WRANGLER, "config-schema.json"), "utf8");

describe("tied to the pinned wrangler", () => {
  test("package.json, the installed wrangler and the compiled schema name one version", () => {
    const pinned = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).devDependencies.wrangler;
    const installed = JSON.parse(readFileSync(join(WRANGLER, "package.json"), "utf8")).version;
    expect([installed, SCHEMA_SOURCE.wrangler]).toEqual([pinned, pinned]);
  });

  test("the compiled schema is made of its config-schema.json: npm run config-schema", () => {
    expect(SCHEMA_SOURCE.sha256).toBe(createHash("sha256").update(source).digest("hex"));
    const compiled = readFileSync(join(ROOT, "src/cli/config/generated/config-schema.json"), "utf8");
    expect(compiled).toBe(compileConfigSchema(source, SCHEMA_SOURCE.wrangler));
  });

  test("what is not inherited, and what is a binding, is what its code says", () => {
    const code = readFileSync(join(WRANGLER, "wrangler-dist", "cli.js"), "utf8");
    const called = [...code.matchAll(/\bnotInheritable\(\s*diagnostics,(?:[^"()]*,)?\s*envName,\s*"(\w+)"/g)];
    expect([...new Set(called.map((match) => match[1]))].sort()).toEqual([...NOT_INHERITED].sort());
    const table = /friendlyBindingNames = \{([^}]*)\}/.exec(code)![1]!;
    const kinds = Object.fromEntries([...table.matchAll(/(\w+): "([^"]+)"/g)].map(([, field, kind]) => [field, kind]));
    // Both are lists of objects without a `binding`, of which wrangler takes no name.
    const { send_email, ratelimits, ...rest } = kinds;
    expect([send_email, ratelimits]).toEqual(["Send Email", "Rate Limit"]);
    expect(KINDS).toEqual(rest);
  });

  test("a keyword that the walk does not know stops the compilation", () => {
    const odd = source.replace('"definitions": {', '"definitions": { "Odd": { "pattern": "x" },');
    expect(() => compileConfigSchema(odd, "0")).toThrow('unknown keyword "pattern"');
  });
});

describe("the walk agrees with ajv", () => {
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  const validate = ajv.compile(JSON.parse(source));

  /** wrangler takes null for an absent field and the walk does too; the schema does not. */
  const agrees = (text: string, path: string): void => {
    const config = parseConfig(path, text);
    // JSON Schema knows no TOML dates; that they are refused is in the corpus.
    if (!config.ok || hasNull(plainOf(config.root)) || findDates(config.root).length > 0) return;
    const ours = checkSchema(config.root).length === 0;
    expect(ours, `${path}\n${text}\n${JSON.stringify(checkSchema(config.root))}`).toBe(validate(plainOf(config.root)));
  };

  test("on the corpus", () => {
    for (const { file, text } of readCorpus()) agrees(text, file);
  });

  test("on numbers at the edges of what a field takes", () => {
    for (const delay of [0, 0.001, 0.0005, -0.001, 86_400, 86_400.001, 1.5, 0.1 + 0.2]) {
      const strategy = { mode: "deferred", max_delay: delay };
      agrees(JSON.stringify({ durable_objects: { bindings: [], code_update_strategy: strategy } }), "wrangler.json");
    }
  });

  test("on configurations with one value replaced or one key renamed", () => {
    const texts = readCorpus().filter(({ name }) => name.startsWith("json/"));
    const value = fc.oneof(
      fc.constantFrom("1", '"x"', "true", "[]", "{}", '["x"]', '[{"binding":"B"}]', '{"a":1}', "-1", "0.5"),
      fc.jsonValue().map((json) => JSON.stringify(json)),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.nat(),
        value,
        fc.boolean(),
        ({ text, file }, at, replacement, rename) => {
          const spots = [
            ...text.matchAll(rename ? /"(\w+)"(?=:)/g : /(?<=": )(?:"[^"]*"|true|false|\d+|\[[^[\]]*\])/g),
          ];
          const spot = spots[at % spots.length];
          if (spot === undefined) return;
          const next = rename ? `"${spot[1]}s"` : replacement;
          agrees(text.slice(0, spot.index) + next + text.slice(spot.index + spot[0].length), file);
        },
      ),
      { numRuns: 400 },
    );
  });
});

function hasNull(value: unknown): boolean {
  if (value === null) return true;
  return typeof value === "object" && Object.values(value as object).some(hasNull);
}
