/** Git tags that carry a version, in the forms people use. Pure. */

import { TesError } from "../core/errors.ts";
import { compareSemver, parseSemver } from "../core/semver.ts";

/** Whose tags are looked for. */
export interface TagOwner {
  /** What may stand as {name}: the package's full name first, then shorter ones. */
  readonly names: readonly string[];
  /** Whether tags without a name are its own: so for the root of a checkout. */
  readonly bare: boolean;
  /** The one form in use, where the publisher says so; else the known forms are tried. */
  readonly form?: string | undefined;
}

/** A tag, taken apart. */
export interface VersionTag {
  readonly tag: string;
  readonly version: string;
  /** With `{name}` filled in already: what a new version is put into. */
  readonly form: string;
}

const BARE_FORMS = ["v{version}", "{version}"];
/** npm and changesets, release-please, Go modules (a directory as the name), and what else is about. */
const NAMED_FORMS = [
  "{name}@{version}",
  "{name}@v{version}",
  "{name}-v{version}",
  "{name}-{version}",
  "{name}/v{version}",
  "{name}/{version}",
];

/**
 * Checks a form given by a person: `{version}` once, `{name}` at most once.
 *
 * @throws usage
 * @example
 * parseTagForm("{name}@{version}");
 */
export function parseTagForm(form: string): string {
  const pieces = form.match(/\{[^{}]*\}/g) ?? [];
  const known = pieces.every((piece) => piece === "{name}" || piece === "{version}");
  const once = (piece: string) => pieces.filter((other) => other === piece).length;
  if (known && once("{version}") === 1 && once("{name}") <= 1) return form;
  throw new TesError("usage", { detail: `A tag form holds {version} once and {name} at most once, not ${form}.` });
}

/** The forms of an owner's tags with its names filled in, the likeliest first. */
function formsOf({ names, bare, form }: TagOwner): string[] {
  const forms = form === undefined ? [...(bare ? BARE_FORMS : []), ...NAMED_FORMS] : [form];
  const filled = forms.flatMap((one) =>
    one.includes("{name}") ? names.map((name) => one.replace("{name}", () => name)) : [one],
  );
  return [...new Set(filled)];
}

/** Takes a tag apart; null when it is no tag of this owner with a SemVer version. */
export function matchTag(owner: TagOwner, tag: string): VersionTag | null {
  return matchForms(formsOf(owner), tag);
}

function matchForms(forms: readonly string[], tag: string): VersionTag | null {
  for (const form of forms) {
    const [before, after] = form.split("{version}") as [string, string];
    if (!tag.startsWith(before) || !tag.endsWith(after) || tag.length <= before.length + after.length) continue;
    const version = tag.slice(before.length, tag.length - after.length);
    if (isSemver(version)) return { tag, version, form };
  }
  return null;
}

/**
 * The owner's tag with the highest version; null when it has none. Prereleases count unless told otherwise. Where two
 * tags carry one version, the likelier form wins, then the first in code unit order.
 */
export function newestTag(
  owner: TagOwner,
  tags: readonly string[],
  options: { readonly prereleases?: boolean } = {},
): VersionTag | null {
  const forms = formsOf(owner);
  const found = tags
    .map((tag) => matchForms(forms, tag))
    .filter((tag) => tag !== null)
    .filter(({ version }) => options.prereleases !== false || parseSemver(version).prerelease.length === 0)
    .sort(
      (a, b) =>
        compareSemver(b.version, a.version) ||
        forms.indexOf(a.form) - forms.indexOf(b.form) ||
        (a.tag < b.tag ? -1 : 1),
    );
  return found[0] ?? null;
}

/**
 * The name of a new version's tag: in the form of the newest one there is; else `v1.2.3` for the root and
 * `name@1.2.3` for everything else.
 */
export function nameTag(owner: TagOwner, version: string, tags: readonly string[]): string {
  const form = newestTag(owner, tags)?.form ?? formsOf(owner)[0] ?? "v{version}";
  return form.replace("{version}", () => version);
}

function isSemver(text: string): boolean {
  try {
    parseSemver(text);
    return true;
  } catch {
    return false;
  }
}
