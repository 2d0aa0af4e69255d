/** The end of a release, the same for one that is signed here and for a draft: upload, publish, prove, write the folder. */

import { relative, resolve } from "node:path";
import type { TesClient } from "../../client/client.ts";
import { parseReleaseDocument, verifyRelease } from "../../client/release.ts";
import { canonicalBytes } from "../../core/canonical-json.ts";
import { TesError, toTesError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { contentOf, type Subject } from "../../protocol/intoto.ts";
import type { ReleaseDraft } from "../../protocol/release-draft.ts";
import { codeOf } from "../local/data.ts";
import type { CommandIo } from "../output.ts";
import { DOCUMENT_NAME, folderFiles } from "./contents.ts";
import { readDocument } from "./evidence.ts";
import { folderState, writeFolder } from "./folder.ts";
import type { HashedFile } from "./hashing.ts";
import { openProgress } from "./progress.ts";
import { findReleased, type Logged, publish, readLogged, requestOf } from "./publish.ts";
import { sumsOf } from "./sidecars.ts";
import { folderOf, type Target } from "./target.ts";
import { uploadFiles } from "./upload.ts";

export interface FinishOptions {
  readonly out?: string;
  /** False: the folder has the signatures only. */
  readonly copy: boolean;
  /** False: the files are stored by the authority already, or are at the addresses that the release names. */
  readonly upload: boolean;
}

export interface Finished {
  readonly logged: Logged;
  /** Whether this very content was released before. */
  readonly already: boolean;
  readonly folder: string;
  /** False: it was there before. */
  readonly written: boolean;
  /** Bytes that went over the wire; those that were stored already did not. */
  readonly uploaded: number;
}

/** Where the folder goes, and whether it can. */
export interface FolderPlan {
  readonly path: string;
  /** As it is shown. */
  readonly shown: string;
  readonly present: boolean;
}

/**
 * Looks at where the folder is to be, before anything is published.
 *
 * @throws {TesError} `file_exists` when something else is there than the folder of this very release
 */
export async function planFolder(
  io: CommandIo,
  target: Target,
  out: string | undefined,
  subjects: readonly Pick<Subject, "name" | "sha256" | "size">[],
  scope: { readonly registry: string; readonly genesis: string },
): Promise<FolderPlan> {
  const path = resolve(io.cwd, out ?? folderOf(target));
  const shown = relative(io.cwd, path) || ".";
  if ((await folderState(path)) === "free") return { path, shown, present: false };
  let broken = "";
  const there = await readDocument(resolve(path, DOCUMENT_NAME))
    .then(({ document }) => verifyRelease(document, scope))
    .catch((thrown: unknown) => {
      if (codeOf(toTesError(thrown).cause) !== "ENOENT") broken = `, and its ${DOCUMENT_NAME} proves nothing`;
      return null;
    });
  const same = there?.entity === target.entity && there.version === target.version;
  if (same && contentOf(there.subjects) === contentOf(subjects)) return { path, shown, present: true };
  throw new TesError("file_exists", {
    detail: `${shown} holds something else than this release${broken}: name another directory with --out, or move that one away.`,
  });
}

/**
 * Brings a signed draft to an end. Broken off anywhere, it is done again from the beginning with the same command: what
 * is stored is not sent again, what is published is found, a folder is there whole or not at all.
 *
 * @param files as they were hashed, where they lie now
 */
export async function finishRelease(
  io: CommandIo,
  client: TesClient,
  target: Target,
  draft: ReleaseDraft,
  subjects: readonly Subject[],
  files: readonly HashedFile[],
  plan: FolderPlan,
  options: FinishOptions,
): Promise<Finished> {
  const known = await findReleased(client, target, subjects);
  let uploaded = 0;
  let already = known !== null;
  if (known === null) {
    if (options.upload) uploaded = await uploadFiles(io, client, files, subjects);
    already = (await publish(client, draft)).already;
  }
  const logged = await readLogged(client, target);
  await proveAgain(logged);
  let written = !plan.present;
  if (written) {
    await writeAll(io, plan.path, logged, draft, files, options).catch(async (thrown: unknown) => {
      if (!(await isThereNow(io, target, subjects, logged, options, thrown))) throw unfinished(thrown, target);
      written = false;
    });
  }
  return { logged, already, folder: plan.shown, written, uploaded };
}

/** Whether the folder that came first is of this very release: an earlier run of the command may have gone on unseen. */
async function isThereNow(
  io: CommandIo,
  target: Target,
  subjects: readonly Subject[],
  { release }: Logged,
  { out }: FinishOptions,
  thrown: unknown,
): Promise<boolean> {
  if (!(thrown instanceof TesError) || thrown.code !== "file_exists") return false;
  return planFolder(io, target, out, subjects, release).then(
    ({ present }) => present,
    () => false,
  );
}

/** It is published, so that nothing has to be taken back: only the folder is missing. */
function unfinished(thrown: unknown, { entity, version }: Target): TesError {
  const error = toTesError(thrown);
  const said = error.detail === undefined ? "" : `${error.detail.replace(/[.\s]*$/, "")}. `;
  return new TesError(error.code, {
    detail: `${said}${entity}@${version} is published, its folder is not written: put this right, and run the same command again.`,
    cause: error,
  });
}

/** What will lie in the folder is read once as others will read it, by nothing but itself and the pin. */
async function proveAgain({ document, release }: Logged): Promise<void> {
  const { registry, genesis } = release;
  await verifyRelease(parseReleaseDocument(parseJson(canonicalBytes({ ...document }), { maxDepth: 24 })), {
    registry,
    genesis,
  });
}

async function writeAll(
  io: CommandIo,
  path: string,
  logged: Logged,
  draft: ReleaseDraft,
  files: readonly HashedFile[],
  { copy }: FinishOptions,
): Promise<void> {
  const contents = folderFiles({
    document: { ...logged.document },
    bundles: logged.bundles,
    trustedRoot: logged.trustedRoot,
    sums: sumsOf(files),
    signers: draft.signers,
  });
  const total = copy ? files.reduce((sum, { size }) => sum + size, 0) : 0;
  const bar = openProgress(io, "copying", total);
  try {
    await writeFolder(path, { artifacts: copy ? files : [], files: contents }, bar.add);
  } finally {
    bar.end();
  }
}

/**
 * Asks the authority whether it would take the draft, and writes nothing anywhere.
 *
 * @returns whether files would have to be uploaded first
 * @throws {TesError} whatever would stand in the way
 */
export async function rehearse(client: TesClient, draft: ReleaseDraft): Promise<{ readonly uploads: boolean }> {
  try {
    await client.release(requestOf(draft, true));
    return { uploads: false };
  } catch (thrown) {
    if (thrown instanceof TesError && thrown.code === "artifact_missing") return { uploads: true };
    throw thrown;
  }
}
