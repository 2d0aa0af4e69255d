/** Entity ids for packages: readable, allowed, and each only once, whatever the packages are called. Pure. */

import { MAX_ENTITY_NAME_CHARS } from "../../core/limits.ts";

/** A package as far as its id depends on it. */
export interface Named {
  readonly name: string | undefined;
  readonly directory: string;
}

/** The part of an entity id after the colon that comes nearest to a text. */
export function sanitizeName(text: string): string {
  const name = text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}+/gu, "")
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/\.{2,}/g, ".")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, MAX_ENTITY_NAME_CHARS)
    .replace(/[^a-z0-9]+$/, "");
  return name || "package";
}

/**
 * One id for each package, in the order given: `component:` and the name without its npm scope. Where that is not
 * enough to tell packages apart, with the scope; then by the directory; then numbered in the order of the directories.
 *
 * @example
 * nameComponents([{ name: "@x/ui", directory: "a" }, { name: "@y/ui", directory: "b" }]); // component:x-ui, component:y-ui
 */
export function nameComponents(packages: readonly Named[]): string[] {
  const short = packages.map(({ name, directory }) => sanitizeName((name ?? directory).split("/").at(-1)!));
  const isShared = (text: string) => short.indexOf(text) !== short.lastIndexOf(text);
  const taken = new Set(short.filter((text) => !isShared(text)));
  const given = new Map<number, string>();
  const order = [...packages.keys()].sort((a, b) => (packages[a]!.directory < packages[b]!.directory ? -1 : 1));
  for (const i of order) {
    const own = short[i]!;
    if (!isShared(own)) {
      given.set(i, own);
      continue;
    }
    const { name, directory } = packages[i]!;
    const numbered = (n: number) => sanitizeName(`${own.slice(0, MAX_ENTITY_NAME_CHARS - 8)}-${n}`);
    let free = [name ?? own, directory].map(sanitizeName).find((candidate) => !taken.has(candidate));
    for (let n = 2; free === undefined; n++) if (!taken.has(numbered(n))) free = numbered(n);
    taken.add(free);
    given.set(i, free);
  }
  return packages.map((_, i) => `component:${given.get(i)}`);
}
