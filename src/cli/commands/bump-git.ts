/** What `tes bump` does with git: the scope out of the commits, one commit of the files, one tag. */

import { TesError } from "../../core/errors.ts";
import type { EntityView } from "../../protocol/answers.ts";
import type { Change } from "../../protocol/statements.ts";
import type { FileEdit } from "../files.ts";
import {
  type Checkout,
  commitPaths,
  createTag,
  listTags,
  openCheckout,
  requireClean,
  requireCommittable,
  requireTagFree,
} from "../git.ts";
import { tagOwnerOf } from "../manifests.ts";
import type { CommandIo } from "../output.ts";
import type { Reached } from "../reach.ts";
import { type SinceFinding, scopeSinceTag } from "../since.ts";
import { nameTag, parseTagForm, type TagOwner } from "../tags.ts";

export interface GitFlags {
  readonly fromCommits?: true;
  readonly commit?: true;
  readonly tag?: true;
  /** For example `{name}@{version}`. */
  readonly tagForm?: string;
  /** With `--from-commits`: what a breaking change does to a version 0.x. */
  readonly zeroMajor?: "major" | "minor";
}

type Views = ReadonlyMap<string, EntityView>;

/**
 * The scope that the commits since the entity's last tag ask for.
 *
 * @throws {TesError} `git_state`, `git_failed`, `usage`
 */
export async function scopeFromCommits(
  io: CommandIo,
  reached: Reached,
  entity: string,
  views: Views,
  flags: GitFlags,
): Promise<SinceFinding> {
  const checkout = await openGit(io, reached);
  const view = viewOf(views, entity);
  const owner = await ownerOf(reached, view, views, flags);
  const { files, version } = view;
  const { zeroMajor } = flags;
  return scopeSinceTag(checkout, owner, { files: files.length === 0 ? undefined : files, version, zeroMajor });
}

/** What will be done with git once the version is taken. */
export interface GitStep {
  /** In words, for the plan. */
  readonly says: string;
  run(
    changes: readonly Change[],
    edits: readonly FileEdit[],
  ): Promise<{ readonly commit: string | null; readonly tag: string | null }>;
}

/**
 * Checks beforehand what a commit and a tag need, so that no version is taken for which they could not be made.
 *
 * @returns null when neither was asked for
 * @throws {TesError} `git_dirty`, `git_state`, `tag_exists`, `git_unknown`
 */
export async function prepareGit(
  io: CommandIo,
  reached: Reached,
  changes: readonly Change[],
  edits: readonly FileEdit[],
  views: Views,
  flags: GitFlags,
): Promise<GitStep | null> {
  if (flags.commit !== true && flags.tag !== true) return null;
  const checkout = await openGit(io, reached);
  const branch = await requireCommittable(checkout);
  await requireClean(checkout, targetsOf(edits));
  const leader = changes[0]!;
  const owner = flags.tag === true ? await ownerOf(reached, viewOf(views, leader.entity), views, flags) : null;
  const tags = owner === null ? [] : await listTags(checkout, "all");
  const tagOf = ({ to }: Change) => (owner === null ? null : nameTag(owner, to, tags));
  const planned = tagOf(leader);
  if (planned !== null) await requireTagFree(checkout, planned);
  return {
    says: `a commit on ${branch}${planned === null ? "" : ` and the tag ${planned}`}`,
    async run(taken, written) {
      const first = taken[0]!;
      const message = messageOf(taken);
      const made = await commitPaths(checkout, targetsOf(written), message);
      const tag = tagOf(first);
      if (tag !== null) await createTag(checkout, tag, message, made?.sha ?? "HEAD");
      return { commit: made?.sha ?? null, tag };
    },
  };
}

/** A conventional commit; the body has the whole cascade. */
export function messageOf(changes: readonly Change[]): string {
  const [first] = changes;
  const head = `chore(release): ${first!.entity} ${first!.to}`;
  if (changes.length === 1) return `${head}\n`;
  return `${head}\n\n${changes.map(({ entity, from, to }) => `${entity} ${from} -> ${to}`).join("\n")}\n`;
}

/** A symbolic link holds no version: what it leads to is what changed. */
function targetsOf(edits: readonly FileEdit[]): string[] {
  return [...new Set(edits.map(({ target }) => target))];
}

async function openGit(io: CommandIo, { checkout }: Reached): Promise<Checkout> {
  if (checkout === null) {
    throw new TesError("usage", {
      detail: "There is no tes.registry.json here or above, so it is not known which checkout is meant.",
    });
  }
  return openCheckout(checkout.root, io.env);
}

async function ownerOf(
  { checkout }: Reached,
  view: EntityView,
  views: Views,
  { tagForm }: GitFlags,
): Promise<TagOwner> {
  const all = [...views.values()].map(({ entity, parent, files }) => ({ id: entity, parent, files }));
  const entity = { id: view.entity, parent: view.parent, files: view.files };
  return tagOwnerOf(checkout!.root, entity, all, tagForm === undefined ? undefined : parseTagForm(tagForm));
}

function viewOf(views: Views, entity: string): EntityView {
  const view = views.get(entity);
  if (view === undefined) throw new TesError("entity_unknown", { detail: `there is no ${entity}` });
  return view;
}
