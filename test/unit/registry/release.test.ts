import { expect, test } from "vitest";
import { utf8 } from "../../../src/core/bytes.ts";
import { sha256Hex } from "../../../src/core/hash.ts";
import type { AttestCommand, PublishCommand } from "../../../src/registry/decide.ts";
import { fold } from "../../../src/registry/fold.ts";
import { PUBLISHED, PUBLISHERS, publicKey, refusal } from "../protocol/samples.ts";
import { createSmallLog, type SmallLog } from "./small-log.ts";

const [FIRST, SECOND] = PUBLISHERS.keys;
const { apiVersion, kind, spec } = PUBLISHED;
const digestOf = (text: string): string => sha256Hex(utf8(text));

/** The commands of one release: one for each signer. */
const releaseOf = (
  content: string,
  signers: readonly string[] = [FIRST!.kid],
  { version = "0.1.0", payload = `payload of ${content}`, handedOut = true } = {},
): PublishCommand[] =>
  signers.map((signer, index) => ({
    kind: "publish",
    entity: "global:main",
    version,
    content: digestOf(content),
    files: 1,
    handedOut,
    signers,
    signed: {
      apiVersion,
      kind,
      spec,
      signer,
      part: { index, of: signers.length },
      payload: { digest: digestOf(payload) },
    },
  }));

const attestationOf = (release: PublishCommand, label: string): AttestCommand => ({
  kind: "attest",
  entity: release.entity,
  version: release.version,
  predicateType: "https://cyclonedx.org/bom",
  signers: release.signers,
  release: release.signed.payload.digest,
  signed: { ...release.signed, part: { index: 0, of: 1 }, payload: { digest: digestOf(label) } },
});

function published(threshold = 1): SmallLog {
  const log = createSmallLog({ entity: "global:main" });
  const { entity, revision, keys } = PUBLISHERS;
  const signatures = keys.map(({ kid: by }) => ({ kid: by, signature: PUBLISHERS.signatures[0]!.signature }));
  log.run({ kind: "publishers", entity, revision, keys, threshold, signatures });
  return log;
}

const runAll = (log: SmallLog, commands: readonly Parameters<SmallLog["run"]>[0][]): unknown[] =>
  commands.map((command) => log.run(command));

test("a release is one statement for each signer, and names the publishers of that moment", () => {
  const log = published(2);
  const signers = [FIRST!.kid, SECOND!.kid];
  const written = runAll(log, releaseOf("files", signers));
  expect(written).toMatchObject([
    { type: "release.published", signer: signers[0], publishers: { revision: 1, seq: 2 } },
    { type: "release.published", signer: signers[1], part: { index: 1, of: 2 } },
  ]);
  expect(log.rows.release("global:main", "0.1.0")).toMatchObject({ signers, statements: [3, 4], seq: 3, last: 4 });
});

test("the same content again is nothing new, whatever its provenance; other content is refused", () => {
  const log = published();
  runAll(log, releaseOf("files"));
  expect(runAll(log, releaseOf("files"))).toEqual([null]);
  expect(runAll(log, releaseOf("files", [SECOND!.kid], { payload: "built elsewhere" }))).toEqual([null]);
  expect(refusal(() => runAll(log, releaseOf("other files")))).toBe("release_exists");
});

test("a release needs publishers, enough of them, and no strangers", () => {
  const bare = createSmallLog({ entity: "global:main" });
  expect(refusal(() => runAll(bare, releaseOf("files")))).toBe("publishers_missing");
  expect(refusal(() => runAll(published(2), releaseOf("files")))).toBe("signatures_insufficient");
  const stranger = publicKey("a stranger").kid;
  expect(refusal(() => runAll(published(), releaseOf("files", [stranger])))).toBe("signatures_insufficient");
  expect(refusal(() => runAll(published(), releaseOf("files", [FIRST!.kid, stranger])))).toBe(
    "signatures_insufficient",
  );
});

test("only what was handed out is released", () => {
  const log = published();
  expect(refusal(() => runAll(log, releaseOf("files", [FIRST!.kid], { version: "9.0.0", handedOut: false })))).toBe(
    "version_unknown",
  );
});

test("an attestation comes with its release, and with no other", () => {
  const log = published();
  const [release] = releaseOf("files");
  expect(runAll(log, [release!, attestationOf(release!, "sbom")])[1]).toMatchObject({ type: "release.attested" });
  expect(log.rows.release("global:main", "0.1.0")).toMatchObject({ attested: [4], last: 4 });
  const [again] = releaseOf("files", [FIRST!.kid], { payload: "once more" });
  expect(runAll(log, [again!, attestationOf(again!, "another sbom")])).toEqual([null, null]);
});

test("a release is withdrawn, and that is taken back; what is already so is not written", () => {
  const log = published();
  const key = { entity: "global:main", version: "0.1.0" };
  expect(refusal(() => log.run({ kind: "yank", ...key }))).toBe("release_unknown");
  runAll(log, releaseOf("files"));
  expect(log.run({ kind: "unyank", ...key })).toBeNull();
  const reason = { digest: digestOf("it breaks") };
  expect(log.run({ kind: "yank", ...key, reason })).toMatchObject({ type: "release.yanked", reason });
  expect(log.rows.release("global:main", "0.1.0")?.yanked).toMatchObject({ seq: 4, reason: reason.digest });
  expect(log.rows.blob(reason.digest)).toMatchObject({ seq: 4 });
  expect(log.run({ kind: "yank", ...key })).toBeNull();
  log.run({ kind: "unyank", ...key });
  expect(log.rows.release("global:main", "0.1.0")?.yanked).toBeUndefined();
});

test("rows that have seen a statement are not changed by it again", () => {
  const log = published();
  const [release] = releaseOf("files");
  runAll(log, [release!, attestationOf(release!, "sbom")]);
  for (const statement of log.statements.slice(3)) expect(fold(log.rows, statement)).toEqual([]);
});

test("a log that publishes a version twice contradicts itself", () => {
  const log = published();
  const statement = runAll(log, releaseOf("files"))[0] as { seq: number };
  const again = { ...statement, seq: 9 } as Parameters<typeof fold>[1];
  expect(refusal(() => fold(log.rows, again))).toBe("internal");
});
