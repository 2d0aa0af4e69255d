/** What is sent to subscribers: runs of statements, each with a checkpoint of the tree that ends with it. */

import { type Bytes, toBase64, utf8 } from "../core/bytes.ts";
import { signCheckpoint } from "../core/checkpoint.ts";
import { MAX_EVENT_BYTES } from "../core/limits.ts";
import type { NodeReader } from "../core/merkle.ts";
import type { Ledger } from "./ledger.ts";
import type { SigningKeys } from "./signing-key.ts";
import type { Writer } from "./writer.ts";

/** An event as it goes out, the same bytes for everyone. */
export interface EventText {
  readonly text: string;
  /** Of UTF-8. */
  readonly bytes: number;
  /** Index after its last statement. */
  readonly end: number;
}

/** Room for everything in an event but its statements: names, and a checkpoint with several signatures. */
const FRAME_BYTES = 2_048;
/** Statements read at once. */
const READ_ROWS = 64;
/** Events kept: whoever comes back after an outage asks for the same ones as everyone else. */
const MAX_CACHED_EVENTS = 16;

export interface EventSource {
  /**
   * The event that begins with statement `from` and has as many statements as fit `room` bytes; undefined when not even
   * one does. There must be one.
   */
  event(from: number, room: number): Promise<EventText | undefined>;
  /** What a reader needs to know about the log before `size`, to compute its roots from there. */
  frontier(size: number): string[];
}

/** Roots of the perfect subtrees that make up the first `size` leaves, largest first. */
export function frontierOf(size: number, node: NodeReader): Bytes[] {
  const hashes: Bytes[] = [];
  let start = 0;
  for (let level = 52; level >= 0; level--) {
    const width = 2 ** level;
    if (size - start < width) continue;
    hashes.push(node(level, start / width));
    start += width;
  }
  return hashes;
}

export function createEventSource(ledger: Ledger, writer: Writer, keys: () => SigningKeys): EventSource {
  const cache = new Map<string, Promise<EventText>>();

  /** Synchronous up to the signature: statements and checkpoint are of one tree. */
  const make = (from: number, bodies: readonly string[]): Promise<EventText> => {
    const end = from + bodies.length;
    const note =
      end === ledger.size
        ? writer.checkpoint()
        : signCheckpoint({ origin: ledger.rows.registry()!.origin, size: end, root: ledger.root(end) }, keys().log);
    // The statements as they stand in storage: canonical, and never parsed on this way.
    return note.then((checkpoint) => {
      const text = `{"type":"event","from":${from},"statements":[${bodies.join(",")}],"checkpoint":${JSON.stringify(checkpoint)}}`;
      return { text, bytes: utf8(text).length, end };
    });
  };

  const bodiesFrom = (from: number, room: number): string[] => {
    const bodies: string[] = [];
    let left = room - FRAME_BYTES;
    for (;;) {
      const rows = ledger.bodies(from + bodies.length, READ_ROWS);
      for (const body of rows) {
        left -= utf8(body).length + 1;
        if (left < 0) return bodies;
        bodies.push(body);
      }
      if (rows.length < READ_ROWS) return bodies;
    }
  };

  return {
    async event(from, room) {
      const bodies = bodiesFrom(from, Math.min(room, MAX_EVENT_BYTES));
      if (bodies.length === 0) return undefined;
      const key = `${from}/${from + bodies.length}`;
      let made = cache.get(key);
      if (made === undefined) {
        made = make(from, bodies);
        if (cache.size >= MAX_CACHED_EVENTS) cache.delete(cache.keys().next().value!);
        cache.set(key, made);
      }
      return made;
    },
    frontier: (size) => frontierOf(size, ledger.node).map(toBase64),
  };
}
