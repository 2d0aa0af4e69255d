/** How things are said: times, sizes, digests, statements. All of it is text. */

import type { Statement } from "../../client/index.ts";

const number = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const count = (n: number): string => number.format(n);
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;

/** Controls, marks that turn or hide text, and breaks of lines that are no line feed. */
const UNSEEN = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
const UNSEEN_IN_LINES = /[^\P{Cc}\n\t]|[\p{Cf}\u2028\u2029]/gu;

/**
 * Text that others wrote, with what does not show in it made visible, so that it reads as it is and moves nothing
 * around it. With `lines`, line feeds and tabs stay.
 *
 * @example
 * visible("a\u202eb"); // "a\\u{202e}b"
 */
export function visible(text: string, lines = false): string {
  const named = (mark: string): string => `\\u{${mark.codePointAt(0)!.toString(16)}}`;
  return lines ? text.replaceAll("\r\n", "\n").replace(UNSEEN_IN_LINES, named) : text.replace(UNSEEN, named);
}

/** The same for each text in a value of JSON. */
export function visibleIn<T>(value: T): T {
  if (typeof value === "string") return visible(value) as T;
  if (Array.isArray(value)) return value.map(visibleIn) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [visible(name), visibleIn(one)])) as T;
}

/** 8 and 4 characters; copying gives the whole. */
export function short(digest: string): string {
  return digest.length <= 14 ? digest : `${digest.slice(0, 8)}…${digest.slice(-4)}`;
}

/** `4 s ago`, `3 min ago`; the date from a day on. */
export function ago(at: number, now: number): string {
  const seconds = Math.max(0, (now - at) / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)} s ago`;
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return clock.format(at);
}

export const moment = (at: number): string => clock.format(at);

/** Hues of the founding system's event channels. */
export type Channel = "version" | "core" | "telemetry" | "alert" | "warning" | "external";

export function channelOf(type: string): Channel {
  if (type === "version.bumped" || type.startsWith("release."))
    return type === "release.yanked" ? "warning" : "version";
  if (type === "token.revoked" || type === "blob.erased" || type === "entity.retired") return "warning";
  if (type === "registry.moved" || type === "registry.restored") return "alert";
  if (type.startsWith("registry.") && type !== "registry.genesis") return "external";
  return "core";
}

/** One line for a statement: what it is about, and what it did. */
export interface Said {
  readonly about: string;
  readonly text: string;
  /** A version, or a step between two. */
  readonly code?: string;
  readonly more?: string;
}

/** Reads a statement for people. One that this release does not know is named by its type. */
export function say(statement: Statement | undefined, type: string): Said {
  return visibleIn(sayOf(statement, type));
}

function sayOf(statement: Statement | undefined, type: string): Said {
  if (statement === undefined) return { about: type, text: "of a newer kind than this page knows" };
  switch (statement.type) {
    case "registry.genesis":
      return { about: statement.registry, text: `opened, ${statement.visibility}` };
    case "entity.declared":
      return { about: statement.entity, text: "declared at", code: statement.version, more: statement.strategy };
    case "version.bumped": {
      const own = statement.changes.find(({ entity }) => entity === statement.entity) ?? statement.changes[0]!;
      const others = statement.changes.length - 1;
      return {
        about: statement.entity === "*" ? "every entity" : statement.entity,
        text: "",
        code: `${own.from} → ${own.to}`,
        ...(others > 0 ? { more: `and ${plural(others, "other")}` } : {}),
      };
    }
    case "entity.retired":
      return { about: statement.entity, text: "retired" };
    case "token.revoked":
      return { about: `token ${short(statement.token)}`, text: "revoked" };
    case "registry.listed":
      return { about: statement.name, text: "registry listed" };
    case "registry.delisted":
      return { about: statement.name, text: "registry delisted" };
    case "blob.erased":
      return { about: short(statement.digest), text: "text erased" };
    case "registry.moved":
      return { about: statement.to.url, text: "the registry moved there" };
    case "registry.restored":
      return { about: `epoch ${statement.epoch}`, text: "restored from a backup" };
    case "publishers.set":
      return { about: statement.entity, text: `publishers set, revision ${statement.revision}` };
    case "release.published":
      return { about: statement.entity, text: "released", code: statement.version, ...signedBy(statement) };
    case "release.attested":
      return { about: statement.entity, text: "attested", code: statement.version, ...signedBy(statement) };
    case "release.yanked":
      return { about: statement.entity, text: "withdrawn", code: statement.version };
    case "release.unyanked":
      return { about: statement.entity, text: "no longer withdrawn", code: statement.version };
    default:
      return { about: (statement as Statement).type, text: "" };
  }
}

/** One statement for each signer of the same: whose this one is, and which of how many. */
function signedBy({ signer, part }: { readonly signer: string; readonly part: { index: number; of: number } }) {
  // What tells them apart comes first: the end may be cut.
  const which = part.of > 1 ? ` ${part.index + 1} of ${part.of}` : "";
  return { more: `signed${which} by ${short(signer)}` };
}

/** Which version a statement gives an entity, if it gives it one. */
export function versionIn(statement: Statement, entity: string): string | undefined {
  switch (statement.type) {
    case "entity.declared":
      return statement.entity === entity ? statement.version : undefined;
    case "version.bumped":
      return statement.changes.find((change) => change.entity === entity)?.to;
    case "registry.restored":
      return statement.floor.find((raised) => raised.entity === entity)?.version;
    default:
      return undefined;
  }
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Bytes as the command line has them: `512 B`, `1.5 MiB`. */
export function bytes(n: number): string {
  let [value, unit] = [n, 0];
  while (value >= 1_024 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
