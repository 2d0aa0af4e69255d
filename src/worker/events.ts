/**
 * What happened, one JSON line for each thing worth knowing (docs/operations.md). No input can begin a line of its own,
 * and no secret gets in: members are named here, and texts are escaped and cut.
 */

/** Of version management, in the numbering of the channels. */
export const CHANNEL_ID = "0x6001";
/** The colour by which dashboards know this channel. */
export const CHANNEL_COLOR = "#9D4EDD";
/** A text from outside: enough to recognise it by. */
const MAX_TEXT_CHARS = 256;

/** What an event is about. */
export type EventScope = "registry" | "log" | "socket" | "object" | "page";

export interface EventDetails {
  readonly registry: string;
  /** What it concerns: an entity, a statement type, an error code. */
  readonly ref?: string | undefined;
  /** Token id of whoever asked. */
  readonly actor?: string | undefined;
  /** Log index. */
  readonly index?: number | undefined;
  /** Milliseconds. */
  readonly duration?: number | undefined;
  readonly meta?: Readonly<Record<string, string | number | boolean | null>> | undefined;
}

export type Emit = (scope: EventScope, type: string, details: EventDetails) => void;

/** A token, wherever it strayed in: header, payload and signature. */
const TOKEN = /eyJ[\w-]*\.[\w-]+(?:\.[\w-]*)?/g;

const textOf = (text: string): string => {
  const shown = text.replace(TOKEN, "[token]");
  return shown.length > MAX_TEXT_CHARS ? `${shown.slice(0, MAX_TEXT_CHARS)}…` : shown;
};

/** Everything but printable ASCII as an escape: U+2028 and U+0085 end a line for some readers. */
const escapeAll = (json: string): string =>
  json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** One event as one line, without its end. */
export function renderEvent(scope: EventScope, type: string, details: EventDetails, now: number): string {
  const { registry, ref, actor, index, duration, meta = {} } = details;
  const safe = Object.entries(meta).map(([name, value]) => [name, typeof value === "string" ? textOf(value) : value]);
  return escapeAll(
    JSON.stringify({
      id: CHANNEL_ID,
      color: CHANNEL_COLOR,
      at: now,
      domain: "version",
      scope,
      type,
      registry: textOf(registry),
      ...(ref === undefined ? {} : { ref: textOf(ref) }),
      ...(actor === undefined ? {} : { actor: textOf(actor) }),
      ...(index === undefined ? {} : { index }),
      ...(duration === undefined ? {} : { duration }),
      meta: Object.fromEntries(safe),
    }),
  );
}

/** Emits events through a writer of lines. */
export function createEvents(write: (line: string) => void, now: () => number = Date.now): Emit {
  return (scope, type, details) => write(renderEvent(scope, type, details, now()));
}
