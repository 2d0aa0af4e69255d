import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { auditFile, findConfig } from "../../../src/cli/config/load.ts";
import { MAX_CONFIG_CHARS, MAX_CONFIG_DEPTH, parseConfig } from "../../../src/cli/config/parse.ts";
import { TesError } from "../../../src/core/errors.ts";
import { readShared } from "../../shared.ts";
import { PLACEHOLDERS } from "./corpus.ts";

const HEAD = 'name = "app"\nmain = "index.ts"\ncompatibility_date = "2026-11-17"\n';
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tes-load-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(path: string, content: string | Uint8Array = ""): string {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), content);
  return join(root, path);
}

const refusal = async (work: () => unknown): Promise<string> => {
  try {
    await work();
  } catch (thrown) {
    if (thrown instanceof TesError) return `${thrown.code} ${thrown.detail}`;
    throw thrown;
  }
  return "none";
};

describe("which file is meant", () => {
  test("without a name, the one wrangler takes: .json before .jsonc before .toml, wherever above it lies", () => {
    mkdirSync(join(root, "a/b"), { recursive: true });
    const from = (folder: string) => findConfig(join(root, folder), undefined).slice(root.length + 1);
    put("a/b/wrangler.toml");
    expect(from("a/b")).toBe("a/b/wrangler.toml");
    put("a/wrangler.jsonc");
    expect(from("a/b")).toBe("a/wrangler.jsonc");
    put("wrangler.json");
    expect(from("a/b")).toBe("wrangler.json");
  });

  test("a folder holds it, a file is it", () => {
    put("a/wrangler.toml");
    put("b/other.jsonc");
    expect(findConfig(root, "a")).toBe(join(root, "a/wrangler.toml"));
    expect(findConfig(root, "b/other.jsonc")).toBe(join(root, "b/other.jsonc"));
  });

  test("everything else is a usage error that names it", async () => {
    put("notes.txt");
    expect(await refusal(() => findConfig(root, "absent.toml"))).toBe("usage absent.toml does not exist.");
    expect(await refusal(() => findConfig(root, "."))).toContain("usage . holds no wrangler.json");
    expect(await refusal(() => findConfig(root, "notes.txt"))).toBe(
      "usage notes.txt is not a .toml, .json or .jsonc file.",
    );
  });
});

describe("what lies around it", () => {
  const rules = async (path: string) =>
    (await auditFile(root, path)).findings.map(({ rule, message }) => `${rule}: ${message}`);

  test("several configurations side by side", async () => {
    const toml = put("wrangler.toml", HEAD);
    const jsonc = put("wrangler.jsonc", '{"name":"app","main":"i.ts","compatibility_date":"2026-11-17"}');
    put("other.toml", HEAD);
    expect(await rules(toml)).toEqual(["files-side-by-side: wrangler reads wrangler.jsonc and ignores this file."]);
    expect(await rules(jsonc)).toEqual(["files-side-by-side: wrangler reads this file and ignores wrangler.toml."]);
    expect(await rules(join(root, "other.toml"))).toEqual([]);
  });

  test("the classes the entry point exports, each environment's own", async () => {
    put("index.ts", "export class Counter {} export default {};");
    put("small.ts", "export default {};");
    const text = `${HEAD}[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Counter"]\n[env.small]\nmain = "./small.ts"\n`;
    expect(await rules(put("wrangler.toml", text))).toEqual([
      'class-not-exported: ./small.ts does not export "Counter".',
    ]);
  });

  test("an entry point that a build makes is not held against it", async () => {
    put("index.ts", "export default {};");
    const text = `${HEAD}[build]\ncommand = "make"\n[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Counter"]\n`;
    expect(await rules(put("wrangler.toml", text))).toEqual([expect.stringContaining("entry-unread: ")]);
  });

  test("whether git ignores a file with a secret", async () => {
    const path = put("wrangler.toml", `${HEAD}# ${PLACEHOLDERS.HEX64}\n`);
    const seen = async () => (await auditFile(root, path)).findings.map(({ rule }) => rule);
    expect(await seen()).toEqual(["secret-in-comment"]);
    execFileSync("git", ["init", "--quiet"], { cwd: root });
    expect(await seen()).toEqual(["secret-in-comment", "secret-not-ignored"]);
    put(".gitignore", "wrangler.toml\n");
    expect(await seen()).toEqual(["secret-in-comment"]);
    // Tracked all the same: ignoring it comes too late.
    execFileSync("git", ["add", "--force", "wrangler.toml"], { cwd: root });
    expect(await seen()).toEqual(["secret-in-comment", "secret-not-ignored"]);
  });

  test("the key that is printed in a public document, also where a digest may stand", async () => {
    const key = readShared("seed/TES-OPS-004-B-4-2.txt")?.match(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/)?.[0];
    if (key === undefined) return;
    const text = (hex: string) => `${HEAD}[vars]\nBUNDLE_SHA256 = "${hex}"\n`;
    expect(await rules(put("a/wrangler.toml", text(key)))).toEqual([expect.stringMatching(/^secret-value: .*public/)]);
    expect(await rules(put("b/wrangler.toml", text(PLACEHOLDERS.HEX64!)))).toEqual([]);
  });

  test("paths below the working directory are relative, others are not", async () => {
    const path = put("a/wrangler.toml", "x = ");
    expect((await auditFile(root, path)).findings[0]!.file).toBe("a/wrangler.toml");
    expect((await auditFile(join(root, "b"), path)).findings[0]!.file).toBe(path);
  });

  test("a symbolic link is read through", async () => {
    put("real/config.toml", "x = ");
    symlinkSync(join(root, "real/config.toml"), join(root, "wrangler.toml"));
    expect(await rules(join(root, "wrangler.toml"))).toHaveLength(1);
  });
});

describe("bytes that are no configuration are one finding", () => {
  test.each([
    ["UTF-16", new Uint8Array([0xff, 0xfe, 0x61, 0x00]), "it is UTF-16, and wrangler reads UTF-8"],
    ["Latin-1", new Uint8Array([0x61, 0x20, 0x3d, 0x20, 0x22, 0xe9, 0x22]), "it is not UTF-8"],
    ["zeros", new Uint8Array(4), "unexpected character"],
  ])("%s", async (_, bytes, message) => {
    const { findings } = await auditFile(root, put("wrangler.toml", bytes));
    expect(findings.map(({ rule }) => rule)).toEqual(["parse"]);
    expect(findings[0]!.message.toLowerCase()).toContain(message.toLowerCase());
  });

  test("a folder or a huge file cannot be read", async () => {
    mkdirSync(join(root, "wrangler.toml"));
    expect(await refusal(() => auditFile(root, join(root, "wrangler.toml")))).toContain("file_unreadable");
    const huge = put("huge.json", new Uint8Array(4 * MAX_CONFIG_CHARS + 1));
    expect(await refusal(() => auditFile(root, huge))).toContain(`is larger than ${4 * MAX_CONFIG_CHARS} bytes`);
  });
});

describe("limits of a text", () => {
  const json = (inner: string) => parseConfig("wrangler.json", inner);

  test("its length", () => {
    const text = (length: number) => `{"a":"${"x".repeat(length - 8)}"}`;
    expect(json(text(MAX_CONFIG_CHARS)).ok).toBe(true);
    expect(json(text(MAX_CONFIG_CHARS + 1))).toMatchObject({
      ok: false,
      message: expect.stringContaining("longer than"),
    });
  });

  test("its depth, in both formats", () => {
    const nested = (depth: number) => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
    expect(json(nested(MAX_CONFIG_DEPTH)).ok).toBe(true);
    expect(json(nested(MAX_CONFIG_DEPTH + 1))).toMatchObject({
      ok: false,
      message: expect.stringContaining("nested deeper"),
    });
    for (const text of [`a = ${"[".repeat(100_000)}`, `a${".b".repeat(5_000)} = 1`]) {
      expect(parseConfig("wrangler.toml", text)).toMatchObject({ ok: false });
    }
    expect(json("[".repeat(500_000))).toMatchObject({ ok: false });
  });
});
