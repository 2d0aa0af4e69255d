import { describe, expect, test } from "vitest";
import { auditConfig } from "../../../src/cli/config/audit.ts";
import { fixConfig } from "../../../src/cli/config/fix/fix.ts";
import { parseConfig } from "../../../src/cli/config/parse.ts";
import { renderFindings, shownText } from "../../../src/cli/config/report.ts";
import { toSarif } from "../../../src/cli/config/sarif.ts";
import { MASK, maskPatterns, maskPlaces, maskValues, secretKind } from "../../../src/cli/config/secret-text.ts";
import { paint } from "../../../src/cli/output.ts";
import { isPublicKeyText } from "../../../src/core/keys.ts";
import { readShared } from "../../shared.ts";
import { PLACEHOLDERS } from "./corpus.ts";

const HEX = PLACEHOLDERS.HEX64!;
const HEAD = 'name = "app"\nmain = "index.ts"\ncompatibility_date = "2026-11-17"\n';

/** Everything an audit and a fix would show of a text, in one string. */
function shown(text: string, path = "wrangler.toml"): string {
  const config = parseConfig(path, text);
  const findings = auditConfig({ path, text, gitIgnored: false });
  const file = { path, absolute: `/p/${path}`, bytes: new Uint8Array(), text, config, environments: [], findings };
  const fixed = fixConfig(path, text);
  const after = parseConfig(path, fixed.text);
  return [
    JSON.stringify(findings),
    JSON.stringify(toSarif(findings, "0.0.0")),
    renderFindings(file, findings, paint({ color: true }), 1),
    ...(after.ok ? [shownText(after)] : []),
    JSON.stringify(fixed.done.map(({ what }) => what)),
  ].join("\n");
}

describe("no secret shows in anything that is printed", () => {
  const secret = { hex: HEX, github: PLACEHOLDERS.GITHUB!, pem: PLACEHOLDERS.PEM!, word: "correct-horse-battery" };
  const quoted = (text: string) => JSON.stringify(text);

  test.each([
    ["a key in vars", secret.hex, `[vars]\nVERSION_SIGNING_KEY = "${secret.hex}"\n`],
    ["a short word under a key's name", secret.word, `[vars]\nVERSION_SIGNING_KEY = "${secret.word}"\n`],
    ["a required secret", secret.word, `[vars]\nTOKEN = '${secret.word}'\n[secrets]\nrequired = ["TOKEN"]\n`],
    ["in an environment", secret.word, `[env.a.vars]\nVERSION_SIGNING_KEY_V2 = """${secret.word}"""\n`],
    ["a value nobody named", secret.github, `[vars]\nX = "${secret.github}"\n`],
    ["a private key", secret.hex, `[vars]\nX = ${quoted(secret.pem)}\n`],
    ["a private key over lines", secret.hex, `[vars]\nX = """${secret.pem}"""\n`],
    ["a comment", secret.hex, `# ${secret.hex}\n`],
    ["a private key in comments", secret.hex, `# ${secret.pem.replaceAll("\n", "\n# ")}\n`],
    ["a key where a name belongs", secret.hex, `[env.${secret.hex}]\nname = "${secret.hex}"\nx = 1\n`],
    ["a key as a class", secret.hex, `[[durable_objects.bindings]]\nname = "A"\nclass_name = "${secret.hex}"\n`],
    ["a key as a field", secret.hex, `${secret.hex} = 1\n[[migrations]]\ntag = "v1"\n${secret.hex} = []\n`],
    [
      "a key beside a mend",
      secret.word,
      `[vars]\nVERSION_SIGNING_KEY = "${secret.word}"\n[[durable_objects.migrations]]\ntag = "v1"\n`,
    ],
    ["a list under a key's name", secret.word, `[vars]\nVERSION_SIGNING_KEY = ["${secret.word}"]\n`],
    ["a file that does not parse", secret.word, `[vars]\nVERSION_SIGNING_KEY = "${secret.word}\n`],
    ["a file that does not parse, nearby", secret.word, `[vars]\nMY_TOKEN = '${secret.word}'\n= 1\n`],
  ])("%s", (_, value, text) => {
    const output = shown(HEAD + text);
    expect(output.length).toBeGreaterThan(200);
    expect(output).not.toContain(value);
    for (const line of value.split("\n")) expect(output).not.toContain(line);
  });

  test("in JSON either", () => {
    const text = `{ "name": "app", "vars": { "VERSION_SIGNING_KEY": "${secret.word}", "X": "${secret.github}" } /* ${secret.hex} */ }`;
    const output = shown(text, "wrangler.jsonc");
    for (const value of [secret.word, secret.github, secret.hex]) expect(output).not.toContain(value);
    expect(output).toContain(MASK);
  });
});

describe("the key that is printed in a public document", () => {
  const document = readShared("seed/TES-OPS-004-B-4-2.txt");
  const key = document?.match(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/)?.[0];

  test("is a finding under whatever name, in either case, and in a comment that calls it a digest", () => {
    if (key === undefined) return;
    for (const text of [
      `[vars]\nPUBLIC_SHA256 = "${key}"\n`,
      `[vars]\nX_HASH = "${key.toUpperCase()}"\n`,
      `# sha256 ${key}\n`,
    ]) {
      const [finding] = auditConfig({ path: "wrangler.toml", text: HEAD + text, isPublicKey: isPublicKeyText });
      expect(finding?.message).toContain("a signing key that is printed in a public document");
      expect(shown(HEAD + text).toLowerCase()).not.toContain(key);
    }
  });
});

describe("what looks like a secret", () => {
  test.each([
    ["64 hexadecimal characters", HEX, "SESSION", "a key: 64 hexadecimal characters"],
    ["the same in capitals", HEX.toUpperCase(), "SESSION", "a key: 64 hexadecimal characters"],
    ["a digest by its name", HEX, "BUNDLE_SHA256", null],
    ["a digest by its camel-case name", HEX, "bundleHash", null],
    ["63 characters", HEX.slice(1), "SESSION", null],
    ["65 characters", `${HEX}a`, "SESSION", null],
    ["within a sentence", `v=${HEX}`, "SESSION", null],
    ["a GitHub token within a sentence", `x ${PLACEHOLDERS.GITHUB} y`, "SESSION", "a GitHub token"],
    ["a private key", PLACEHOLDERS.PEM!, "SESSION", "a private key"],
    ["a public key's header", "-----BEGIN PUBLIC KEY-----", "SESSION", null],
  ])("%s", (_, text, name, kind) => expect(secretKind(text, name, false)).toBe(kind));

  test("masks keep lines and everything else", () => {
    expect(maskPatterns(`a ${HEX} b\n${PLACEHOLDERS.PEM}\nc`)).toBe(`a ${MASK} b\n${MASK}\n\n\nc`);
    expect(
      maskPlaces("one two\nthree", [
        { start: 4, end: 9 },
        { start: 0, end: 3 },
      ]),
    ).toBe(`${MASK} ${MASK}\nhree`);
    expect(maskValues("abcd abc ab", ["abc", "abcd", ""])).toBe(`${MASK} ${MASK} ab`);
  });
});

test("an environment is not asked to repeat a secret that has no place in vars", () => {
  const text = (vars: string) => `${HEAD}[vars]\n${vars}\n[env.a]\n[env.b.vars]\nOTHER = "1"\n`;
  const rules = (vars: string) => auditConfig({ path: "wrangler.toml", text: text(vars) }).map(({ rule }) => rule);
  expect(rules('VERSION_SIGNING_KEY = "x"')).toEqual(["secret-in-vars"]);
  expect(rules('LEVEL = "x"')).toEqual(["env-not-inherited", "env-not-inherited"]);
});

describe("git", () => {
  const text = `${HEAD}# ${HEX}\n`;
  const rules = (gitIgnored?: boolean) =>
    auditConfig({ path: "wrangler.toml", text, ...(gitIgnored === undefined ? {} : { gitIgnored }) }).map(
      ({ rule }) => rule,
    );

  test("a secret in a file that git does not ignore is one more finding", () => {
    expect(rules(false)).toEqual(["secret-in-comment", "secret-not-ignored"]);
    expect(rules(true)).toEqual(["secret-in-comment"]);
    expect(rules()).toEqual(["secret-in-comment"]);
    expect(auditConfig({ path: "wrangler.toml", text: HEAD, gitIgnored: false })).toEqual([]);
  });
});
