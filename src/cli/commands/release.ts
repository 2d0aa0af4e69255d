/** `tes release`: hash, sign here, upload, publish all or nothing, prove, and write the folder that others verify. */

import { resolve } from "node:path";
import { Command } from "commander";
import type { Publishers } from "../../client/publishing.ts";
import { TesError } from "../../core/errors.ts";
import type { ReleaseDraft } from "../../protocol/release-draft.ts";
import { type CommandIo, printJson, printNote, table } from "../output.ts";
import { type ReachOptions, reach, withReach } from "../reach.ts";
import { checkFolderNames, DOCUMENT_NAME } from "../release/contents.ts";
import {
  checkDraftFiles,
  createDraft,
  makeDraft,
  type OpenDraft,
  readDraft,
  replaceDraft,
  signDraft,
} from "../release/draft.ts";
import { type Finished, finishRelease, planFolder, rehearse } from "../release/finish.ts";
import { gatherFiles, parseUrlTemplate, subjectsOf } from "../release/gather.ts";
import type { HashedFile } from "../release/hashing.ts";
import { type KeyOptions, type PublisherKey, readPublisherKeys, withKeyOptions } from "../release/key-file.ts";
import { provenancePayload, sbomPayload } from "../release/payload.ts";
import { showBytes } from "../release/progress.ts";
import { collectSource } from "../release/provenance.ts";
import { findReleased } from "../release/publish.ts";
import { readSbom } from "../release/sbom.ts";
import { shortKid } from "../release/short-kid.ts";
import { describeDraft } from "../release/summary.ts";
import { resolveTarget, type Target } from "../release/target.ts";
import { fetchCommand } from "./release-fetch.ts";

interface OutFlags {
  readonly out?: string;
  readonly copy: boolean;
  readonly upload: boolean;
}

interface ReleaseFlags extends ReachOptions, KeyOptions, OutFlags {
  readonly sbom?: readonly string[];
  readonly downloadUrl?: string;
  readonly dryRun?: true;
  readonly draft?: string;
}

interface SignFlags extends KeyOptions {}

interface PublishFlags extends ReachOptions, OutFlags {}

interface ListFlags extends ReachOptions {
  readonly limit?: string;
}

export function releaseCommand(io: CommandIo): Command {
  const command = withOut(withKeyOptions(withReach(new Command("release"))))
    .description(
      "Publish files as a version: hashed and signed here, logged by the authority all or " +
        "nothing, and written to a folder with what others need to verify them offline. A " +
        "version is released once. Broken off, the same command goes on.",
    )
    .argument("<release>", "entity@version, or the entity alone for its current version")
    .argument("<files...>", "files of the release")
    .option("--sbom <file>", "bill of materials, CycloneDX or SPDX in JSON; repeatable", collect)
    .option("--download-url <template>", "where the files are published, with {file}, {version}, {type}, {name}")
    .option("--draft <file>", "sign into a new draft for other publishers, and publish nothing")
    .option("--dry-run", "check everything, also with the authority, and write nothing")
    .addHelpText(
      "after",
      "\nExamples:\n  $ tes release component:app@1.2.3 dist/app-1.2.3.tgz --sbom bom.json\n" +
        "  $ tes release component:app dist/* --dry-run\n" +
        "Two publishers sign:\n" +
        "  $ tes release component:app dist/* --draft draft.json\n" +
        "  $ tes release sign draft.json --key bob.key && tes release publish draft.json",
    )
    .action((release: string, files: string[], flags: ReleaseFlags) => create(io, release, files, flags));
  // Options that this command has too are taken by it, wherever they stand: a subcommand reads them from both.
  command.addCommand(
    withKeyOptions(new Command("sign"))
      .description("Hash the files that a draft is about, show what it says, and sign it too.")
      .argument("<draft>", "draft of a release")
      .argument("[files...]", "its files (default: where the draft says)")
      .addHelpText("after", "\nExample:\n  $ tes release sign draft.json --key bob.key")
      .action((draft: string, files: string[], _: SignFlags, self: Command) =>
        signDraftFile(io, draft, files, self.optsWithGlobals()),
      ),
  );
  command.addCommand(
    withOut(withReach(new Command("publish")))
      .description("Publish a draft that enough publishers have signed.")
      .argument("<draft>", "draft of a release")
      .argument("[files...]", "its files (default: where the draft says)")
      .addHelpText("after", "\nExample:\n  $ tes release publish draft.json")
      .action((draft: string, files: string[], _: PublishFlags, self: Command) =>
        publishDraftFile(io, draft, files, self.optsWithGlobals()),
      ),
  );
  command.addCommand(
    withReach(new Command("list"))
      .description("List releases, newest first.")
      .argument("[entity]", "of this entity only")
      .option("--limit <n>", "how many at most")
      .addHelpText("after", "\nExample:\n  $ tes release list component:app")
      .action((entity: string | undefined, _: ListFlags, self: Command) => list(io, entity, self.optsWithGlobals())),
  );
  command.addCommand(fetchCommand(io));
  return command;
}

function withOut(command: Command): Command {
  return command
    .option("--out <dir>", "the folder (default: release/<type>-<name>-<version>)")
    .option("--no-copy", "leave the files where they are; the folder has the signatures")
    .option("--no-upload", "upload nothing: the files are stored already, or elsewhere");
}

async function create(io: CommandIo, named: string, paths: readonly string[], flags: ReleaseFlags): Promise<void> {
  const { client } = await reach(io, flags);
  const target = await resolveTarget(client, named);
  const urlOf = flags.downloadUrl === undefined ? null : parseUrlTemplate(flags.downloadUrl, target, paths.length);
  const [publishers, { registry, genesis }] = await Promise.all([client.publishers(target.entity), client.trust()]);
  const keys = await readPublisherKeys(io, flags);
  const kids = keys.map(({ kid }) => kid);
  requirePublishers(publishers, kids);
  if (flags.draft === undefined && kids.length < publishers.threshold) {
    throw tooFew(publishers.threshold, kids.length, "sign into a draft (--draft FILE), then have others sign that");
  }
  const sboms = await Promise.all((flags.sbom ?? []).map((path) => readSbom(resolve(io.cwd, path))));
  const files = await gatherFiles(io, paths);
  checkFolderNames(
    files.map(({ name }) => name),
    kids,
    sboms.length,
  );
  const subjects = subjectsOf(files, urlOf);
  const scope = { registry, genesis, ...target };
  // What is in the way shows before anything is signed.
  await findReleased(client, target, subjects);
  const source = await collectSource(io.cwd, io.env, commandOf(named, paths, flags));
  if (source.git?.dirty === true)
    printNote(io, "the checkout has changes that are not committed, and the release says so");
  const now = io.now();
  const beside = sboms.map((sbom) => sbomPayload(subjects, sbom));
  const payloads = [provenancePayload(subjects, scope, source, now, beside), ...beside];
  let draft = makeDraft(payloads, files);
  for (const key of keys) draft = await signDraft(draft, key, files, now);
  if (flags.draft !== undefined) {
    await createDraft(resolve(io.cwd, flags.draft), draft);
    return tellDraft(io, flags.draft, target, draft, publishers.threshold);
  }
  const plan = await planFolder(io, target, flags.out, subjects, scope);
  if (flags.dryRun === true) {
    const { uploads } = await rehearse(client, draft);
    return tellRehearsal(io, target, files, keys, uploads && flags.upload, plan.shown);
  }
  const upload = flags.upload && urlOf === null;
  const finished = await finishRelease(io, client, target, draft, subjects, files, plan, { ...flags, upload });
  tellFinished(io, finished, flags.copy);
}

/** What of the command line makes the release what it is. Where keys, tokens and pins lie does not. */
function commandOf(named: string, paths: readonly string[], { sbom = [], downloadUrl }: ReleaseFlags): string[] {
  const options = [
    ...sbom.flatMap((path) => ["--sbom", path]),
    ...(downloadUrl ? ["--download-url", downloadUrl] : []),
  ];
  return ["release", named, ...paths, ...options];
}

/** @throws {TesError} `publishers_missing`, `signatures_insufficient` */
function requirePublishers({ entity, revision, keys }: Publishers, kids: readonly string[]): void {
  if (revision === 0) throw new TesError("publishers_missing", { detail: entity });
  const known = new Set(keys.map(({ kid }) => kid));
  const stranger = kids.find((kid) => !known.has(kid));
  if (stranger !== undefined) {
    throw new TesError("signatures_insufficient", {
      detail: `${stranger} is not one of the publishers of ${entity}, as of revision ${revision}.`,
    });
  }
}

function tooFew(threshold: number, signed: number, next: string): TesError {
  return new TesError("signatures_insufficient", {
    detail: `${threshold} publishers have to sign, and ${signed} did: ${next} (tes release sign FILE), and publish it (tes release publish FILE).`,
    facts: { threshold, signed },
  });
}

async function signDraftFile(io: CommandIo, path: string, paths: readonly string[], flags: SignFlags): Promise<void> {
  const at = resolve(io.cwd, path);
  const opened = await readDraft(at);
  const { scope } = opened;
  if (!io.json) io.stderr(describeDraft(opened));
  const keys = await readPublisherKeys(io, flags);
  const files = await filesOf(io, opened, paths);
  let { draft } = opened;
  for (const key of keys) draft = await signDraft(draft, key, files, io.now());
  await replaceDraft(at, { ...draft, files: draft.files.map((file) => ({ ...file, path: pathOf(files, file.name) })) });
  tellDraft(io, path, scope, draft, null);
}

async function publishDraftFile(
  io: CommandIo,
  path: string,
  paths: readonly string[],
  flags: PublishFlags,
): Promise<void> {
  const opened = await readDraft(resolve(io.cwd, path));
  const { draft, scope, release } = opened;
  if (!io.json) io.stderr(describeDraft(opened));
  const { client } = await reach(io, { ...flags, registry: flags.registry ?? scope.registry });
  const { genesis } = await client.trust();
  if (genesis !== scope.genesis) {
    throw new TesError("genesis_mismatch", { facts: { drafted: scope.genesis, found: genesis } });
  }
  const publishers = await client.publishers(scope.entity);
  const kids = draft.signers.map(({ kid }) => kid);
  requirePublishers(publishers, kids);
  if (kids.length < publishers.threshold) {
    throw tooFew(publishers.threshold, kids.length, `have others sign ${path} too`);
  }
  const files = await filesOf(io, opened, paths);
  checkFolderNames(
    files.map(({ name }) => name),
    kids,
    draft.payloads.length - 1,
  );
  const plan = await planFolder(io, scope, flags.out, release.subjects, scope);
  const upload = flags.upload && release.subjects.some(({ downloadLocation }) => downloadLocation === undefined);
  const options = { ...flags, upload };
  const finished = await finishRelease(io, client, scope, draft, release.subjects, files, plan, options);
  tellFinished(io, finished, flags.copy);
}

/** The files of a draft as they lie here, hashed. @throws {TesError} what {@link checkDraftFiles} finds */
async function filesOf(io: CommandIo, opened: OpenDraft, paths: readonly string[]): Promise<HashedFile[]> {
  const files = await gatherFiles(io, paths.length > 0 ? paths : opened.draft.files.map(({ path }) => path));
  await checkDraftFiles(opened, files);
  return files;
}

const pathOf = (files: readonly HashedFile[], name: string): string => files.find((file) => file.name === name)!.path;

function tellDraft(
  io: CommandIo,
  path: string,
  { entity, version }: Target,
  { signers, files }: ReleaseDraft,
  threshold: number | null,
): void {
  const kids = signers.map(({ kid }) => kid);
  if (io.json)
    return void printJson(io, { draft: path, entity, version, files: files.length, signers: kids, threshold });
  const of = threshold === null ? "" : ` of ${threshold}`;
  io.stdout(`${path}  ${entity}@${version}, signed by ${kids.length}${of}: ${kids.map(shortKid).join(", ")}\n`);
  io.stdout(`others: tes release sign ${path}; when enough have: tes release publish ${path}\n`);
}

function tellRehearsal(
  io: CommandIo,
  { entity, version }: Target,
  files: readonly HashedFile[],
  keys: readonly PublisherKey[],
  uploads: boolean,
  folder: string,
): void {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (io.json) {
    const shown = files.map(({ name, size, sha256, target: link }) => ({
      ...{ name, size, sha256 },
      ...(link === undefined ? {} : { link }),
    }));
    return void printJson(io, {
      dryRun: true,
      entity,
      version,
      files: shown,
      signers: keys.map(({ kid }) => kid),
      uploads,
      folder,
    });
  }
  io.stdout(
    table(
      [{ title: "file" }, { title: "size", align: "right" }, { title: "SHA-256" }],
      files.map(({ name, size, sha256 }) => [name, showBytes(size), sha256]),
    ),
  );
  io.stdout(
    `would be ${entity}@${version}: ${filesIn(files.length)}, ${showBytes(bytes)}${uploads ? ", to be uploaded" : ""}, ` +
      `signed by ${keys.map(({ kid }) => shortKid(kid)).join(", ")}, folder ${folder}\n`,
  );
}

function tellFinished(io: CommandIo, { logged, already, folder, written, uploaded }: Finished, copy: boolean): void {
  const { entity, version, seq, at, signers, subjects } = logged.release;
  const kids = signers.map(({ kid }) => kid);
  if (io.json) {
    return void printJson(io, {
      entity,
      version,
      already,
      seq,
      at,
      signers: kids,
      files: subjects.length,
      uploaded,
      folder,
      written,
    });
  }
  io.stdout(
    already
      ? `${entity}@${version} was released with this very content before, statement ${seq}\n`
      : `${entity}@${version} is released: ${filesIn(subjects.length)}, signed by ${kids.map(shortKid).join(", ")}, statement ${seq}\n`,
  );
  io.stdout(`${written ? "wrote" : "there already:"} ${folder}\n`);
  io.stdout(`verify: tes verify ${copy ? folder : `${folder}/${DOCUMENT_NAME}`}\n`);
}

const filesIn = (count: number): string => (count === 1 ? "1 file" : `${count} files`);

async function list(io: CommandIo, entity: string | undefined, flags: ListFlags): Promise<void> {
  const limit = flags.limit === undefined ? undefined : Number(flags.limit);
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
    throw new TesError("usage", { detail: "--limit takes a number from 1." });
  }
  const { client } = await reach(io, flags);
  const { releases, next } = await client.releases({ entity, limit });
  // An entity that does not exist has no releases either: a typing error must not read like an answer.
  if (entity !== undefined && releases.length === 0) await client.entity(entity);
  if (io.json) return void printJson(io, { releases, next });
  const rows = releases.map(({ entity: id, version, at, files, signers, yanked }) => [
    id,
    version,
    new Date(at).toISOString(),
    String(files),
    signers.map(shortKid).join(" "),
    yanked === null ? "" : "withdrawn",
  ]);
  if (rows.length === 0) io.stdout("nothing was released yet\n");
  else {
    const columns = ["entity", "version", "time", "files", "signed by", ""].map((title) => ({ title }));
    io.stdout(table(columns, rows));
  }
  if (next !== null) printNote(io, "there are more: --limit takes up to 100");
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
