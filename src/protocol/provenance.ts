/** `TES-Provenance`: which key signed an answer, where it came from, and how far the log was. */
import { TesError } from "../core/errors.ts";
import {
  type Dictionary,
  isInnerList,
  item,
  parseDictionary,
  serializeDictionary,
  token,
} from "../core/structured-fields.ts";
import { isRegistryName } from "./ids.ts";

const SOURCES = ["env", "storage", "generated"] as const;
const SLOTS = ["VERSION_SIGNING_KEY", "VERSION_SIGNING_KEY_V2"] as const;
const MEMBERS = ["source", "slot", "registry", "size"] as const;

/** Where the master key came from. `generated`: it was made by this very object, in this life of it. */
export type KeySource = (typeof SOURCES)[number];
/** Which of the two places for a master key it stands in. */
export type KeySlot = (typeof SLOTS)[number];

export interface Provenance {
  readonly source: KeySource;
  readonly slot: KeySlot;
  readonly registry: string;
  /** Leaves in the log when the answer was made. */
  readonly size: number;
}

/**
 * Writes the field (RFC 9651 dictionary).
 *
 * @example
 * renderProvenance({ source: "env", slot: "VERSION_SIGNING_KEY", registry: "default", size: 12 });
 * // 'source=env, slot="VERSION_SIGNING_KEY", registry="default", size=12'
 */
export function renderProvenance({ source, slot, registry, size }: Provenance): string {
  return serializeDictionary(
    new Map([
      ["source", item(token(source))],
      ["slot", item(slot)],
      ["registry", item(registry)],
      ["size", item(size)],
    ]),
  );
}

/**
 * Reads the field. Members of later releases are passed over; ours must be there, without parameters.
 *
 * @throws provenance_invalid
 */
export function parseProvenance(text: string): Provenance {
  const members = readDictionary(text);
  const value = (key: (typeof MEMBERS)[number]): unknown => {
    const member = members.get(key);
    if (member === undefined) throw refuse(`${key} is missing`);
    if (isInnerList(member) || member.params.size > 0) throw refuse(`${key} is not a plain item`);
    return member.value;
  };
  const named = value("source");
  const word = typeof named === "object" && named !== null && "token" in named ? named.token : undefined;
  const source = SOURCES.find((known) => known === word);
  if (source === undefined) throw refuse("source is none of env, storage, generated");
  const slot = value("slot");
  const knownSlot = SLOTS.find((known) => known === slot);
  if (knownSlot === undefined) throw refuse("slot names no known place for a key");
  const registry = value("registry");
  if (typeof registry !== "string" || !isRegistryName(registry)) throw refuse("registry is not a registry's name");
  const size = value("size");
  if (typeof size !== "number" || size < 0) throw refuse("size is not a count");
  return { source, slot: knownSlot, registry, size };
}

function readDictionary(text: string): Dictionary {
  try {
    return parseDictionary(text);
  } catch (cause) {
    throw new TesError("provenance_invalid", { detail: "the field is not an RFC 9651 dictionary", cause });
  }
}

function refuse(detail: string): TesError {
  return new TesError("provenance_invalid", { detail, field: "TES-Provenance" });
}
