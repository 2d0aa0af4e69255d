/** Drafts come from other people: what is signed with one is what was shown of it, and nothing in one is taken on trust. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CommandIo } from "../../../src/cli/output.ts";
import { checkDraftFiles, createDraft, makeDraft, readDraft, signDraft } from "../../../src/cli/release/draft.ts";
import { gatherFiles, subjectsOf } from "../../../src/cli/release/gather.ts";
import type { HashedFile } from "../../../src/cli/release/hashing.ts";
import { ensurePublisherKey, type PublisherKey } from "../../../src/cli/release/key-file.ts";
import { provenancePayload, sbomPayload } from "../../../src/cli/release/payload.ts";
import { recognizeSbom } from "../../../src/cli/release/sbom.ts";
import { type Bytes, utf8 } from "../../../src/core/bytes.ts";
import { PROVENANCE_TYPE, SBOM_TYPES } from "../../../src/protocol/intoto.ts";
import type { ReleaseDraft } from "../../../src/protocol/release-draft.ts";

const NOW = 1_800_000_000_000;
const SCOPE = { registry: "default", genesis: "ab".repeat(32), entity: "component:app", version: "1.2.3" };
const SOURCE = {
  command: ["release"],
  builder: "urn:tes:builder:local",
  internalParameters: {},
  resolvedDependencies: [],
  git: null,
};
const BOM = { bomFormat: "CycloneDX", specVersion: "1.6", components: [] };

let dir: string;
let io: CommandIo;
let files: HashedFile[];
let ada: PublisherKey;
let eve: PublisherKey;
let whole: ReleaseDraft;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tes-draft-"));
  io = {
    stdout: () => undefined,
    stderr: () => undefined,
    ...{ color: false, json: false, terminal: false, interactive: false },
    cwd: dir,
    env: { HOME: dir },
    now: () => NOW,
  };
  for (const name of ["a.tgz", "b.txt"]) await writeFile(join(dir, name), `this is ${name}\n`);
  files = await gatherFiles(io, ["a.tgz", "b.txt"]);
  const keyOf = async (name: string) => (await ensurePublisherKey(io, { key: [name], passphrase: false })).key;
  [ada, eve] = [await keyOf("ada.key"), await keyOf("eve.key")];
  whole = await signDraft(makeDraft(payloads(), files), ada, files, NOW);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function payloads(change: Partial<typeof SCOPE> = {}) {
  const subjects = subjectsOf(files, null);
  const sbom = sbomPayload(subjects, { path: "bom.json", ...recognizeSbom(BOM, "bom.json") });
  return [releaseOf([sbom], change), sbom];
}

const releaseOf = (beside: readonly Bytes[], change: Partial<typeof SCOPE> = {}) =>
  provenancePayload(subjectsOf(files, null), { ...SCOPE, ...change }, SOURCE, NOW, beside);

/** What comes of a draft that was changed on its way: at reading it, or at holding it against the files. */
async function outcome(draft: ReleaseDraft): Promise<string> {
  const path = join(dir, `${Math.random()}.json`);
  await createDraft(path, { ...draft, files: draft.files.map((file) => ({ ...file, path: join(dir, file.name) })) });
  try {
    await checkDraftFiles(await readDraft(path), files);
    return "accepted";
  } catch (thrown) {
    return (thrown as { readonly code: string }).code;
  }
}

const bySigner = (change: (signer: ReleaseDraft["signers"][number]) => object): ReleaseDraft => ({
  ...whole,
  signers: whole.signers.map((signer) => ({ ...signer, ...change(signer) })),
});
const byFile = (change: (file: ReleaseDraft["signers"][number]["files"][number]) => object) =>
  bySigner(({ files: signed }) => ({ files: signed.map((file) => ({ ...file, ...change(file) })) }));

test("one that nobody changed is taken, and says what is in it", async () => {
  expect(await outcome(whole)).toBe("accepted");
  const path = join(dir, "draft.json");
  await createDraft(path, whole);
  const { scope, beside } = await readDraft(path);
  expect(scope).toEqual(SCOPE);
  expect(beside.map(({ predicateType }) => predicateType)).toEqual([SBOM_TYPES.CycloneDX]);
});

describe("what rides along is signed by nobody", () => {
  test.each([
    ["another version's release", { version: "2.0.1" }],
    ["another entity's", { entity: "component:other" }],
    ["another registry's", { registry: "two", genesis: "cd".repeat(32) }],
    ["the same once more", {}],
  ])("%s", async (_, change) => {
    const further = releaseOf([], change);
    expect(await outcome(makeDraft([releaseOf([further]), further], files))).toBe("envelope_invalid");
  });

  test("a document of a kind that is not known here, or of other files", async () => {
    const text = new TextDecoder().decode(payloads()[1]);
    const other = (from: string, to: string) => {
      const further = utf8(text.replace(from, to));
      return makeDraft([releaseOf([further]), further], files);
    };
    expect(await outcome(other(SBOM_TYPES.CycloneDX, "https://example.org/vouches-for/v1"))).toBe("envelope_invalid");
    expect(await outcome(other(SBOM_TYPES.CycloneDX, PROVENANCE_TYPE))).toBe("envelope_invalid");
    expect(await outcome(other('"b.txt"', '"c.txt"'))).toBe("invalid_field");
  });

  test("a bill of materials that the provenance does not name, or names and that is gone", async () => {
    const [main, sbom] = payloads();
    expect(await outcome(makeDraft([releaseOf([]), sbom!], files))).toBe("invalid_field");
    expect(await outcome(makeDraft([main!], files))).toBe("envelope_invalid");
  });
});

describe("signatures for other tools", () => {
  test.each(["../../.bashrc.d/x", "/etc/x", "a.tgz/../../x", "c.txt", "a.tgz\0", "."])(
    "for %j: refused",
    async (name) => {
      const more = (signer: ReleaseDraft["signers"][number]) => ({
        files: [...signer.files, { name, minisign: "touch x\n", ssh: "" }],
      });
      expect(await outcome(bySigner(more))).toBe("envelope_invalid");
      expect(await outcome(byFile((file) => (file.name === "b.txt" ? { name } : {})))).toBe("envelope_invalid");
    },
  );

  test("are all there, once", async () => {
    expect(await outcome(bySigner(({ files: signed }) => ({ files: signed.slice(1) })))).toBe("envelope_invalid");
    expect(await outcome(bySigner(({ files: signed }) => ({ files: [signed[0]!, signed[0]!] })))).toBe(
      "envelope_invalid",
    );
  });

  test("hold, each for its own file, by the signer's own key", async () => {
    const [first, second] = whole.signers[0]!.files;
    const byEve = (await signDraft(makeDraft(payloads(), files), eve, files, NOW)).signers[0]!;
    expect(await outcome(bySigner(() => ({ sums: "A".repeat(86) })))).toBe("signature_invalid");
    expect(await outcome(bySigner(() => ({ sums: byEve.sums })))).toBe("signature_invalid");
    expect(await outcome(byFile(() => ({ minisign: "touch x\n" })))).toBe("signature_file_invalid");
    expect(await outcome(byFile(() => ({ ssh: "" })))).toBe("signature_file_invalid");
    expect(
      await outcome(byFile(({ name }) => ({ minisign: (name === first!.name ? second! : first!).minisign }))),
    ).toBe("signature_invalid");
    expect(await outcome(byFile(({ name }) => ({ ssh: (name === first!.name ? second! : first!).ssh })))).toBe(
      "signature_invalid",
    );
    expect(await outcome(bySigner(() => ({ files: byEve.files })))).toMatch(/^(key_unknown|signature_invalid)$/);
    expect(await outcome(bySigner(() => ({ minisignKey: byEve.minisignKey })))).toBe("key_unknown");
  });
});

test("a file is held to every digest that is signed for it", async () => {
  const wrong = files.map((file) => ({ ...file, sha512: "00".repeat(64) }));
  const payload = provenancePayload(subjectsOf(wrong, null), SCOPE, SOURCE, NOW, []);
  expect(await outcome(makeDraft([payload], files))).toBe("digest_mismatch");
  await writeFile(join(dir, "a.tgz"), "another\n");
  files = await gatherFiles(io, ["a.tgz", "b.txt"]);
  expect(await outcome(whole)).toBe("digest_mismatch");
  expect(await readFile(join(dir, "a.tgz"), "utf8")).toBe("another\n");
});
