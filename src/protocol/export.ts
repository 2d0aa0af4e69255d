/** The lines of an export (docs/formats.md, Export). */
import * as v from "valibot";
import type { JsonValue } from "../core/json.ts";
import { Base64Hash, Count, HexHash, Origin, Registry } from "./fields.ts";
import { parseWith } from "./parse.ts";

const Header = v.strictObject({
  tes: v.literal("export-v1"),
  registry: Registry,
  origin: Origin,
  genesis: HexHash,
  size: v.pipe(Count, v.minValue(1, "at least the genesis")),
  root: Base64Hash,
  checkpoint: v.string(),
});
/** The first line: which log, how far, and the checkpoint that says so. */
export type ExportHeader = v.InferOutput<typeof Header>;

const Announcement = v.strictObject({ announcement: Count, checkpoint: v.string() });
/** The checkpoint that proved an announcement when it was made: of the tree just after it. */
export type ExportAnnouncement = v.InferOutput<typeof Announcement>;

const Blob = v.strictObject({ blob: HexHash, salt: v.string(), text: v.string() });
/** A text that a statement refers to. */
export type ExportBlob = v.InferOutput<typeof Blob>;

const End = v.strictObject({ end: HexHash });
/** The last line: SHA-256 of everything before it. */
export type ExportEnd = v.InferOutput<typeof End>;

/** What a line is, by how it begins. A statement's own members sort otherwise. */
export function kindOfLine(line: string): "header" | "announcement" | "blob" | "end" | "statement" {
  if (line.startsWith('{"tes":')) return "header";
  if (line.startsWith('{"announcement":')) return "announcement";
  if (line.startsWith('{"blob":')) return "blob";
  return line.startsWith('{"end":') ? "end" : "statement";
}

/** @throws import_invalid */
export const parseExportHeader = (json: JsonValue): ExportHeader => parseWith(Header, json, "import_invalid");
/** @throws import_invalid */
export const parseExportAnnouncement = (json: JsonValue): ExportAnnouncement =>
  parseWith(Announcement, json, "import_invalid");
/** @throws import_invalid */
export const parseExportBlob = (json: JsonValue): ExportBlob => parseWith(Blob, json, "import_invalid");
/** @throws import_invalid */
export const parseExportEnd = (json: JsonValue): ExportEnd => parseWith(End, json, "import_invalid");
