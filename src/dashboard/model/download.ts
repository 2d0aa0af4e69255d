/** Files of releases: fetched by the page, hashed as they come, and handed out only when they are what was signed. */

import { type TesClient, TesError } from "../../client/index.ts";

/** Where no file can be written piece by piece, the whole waits in memory: no more than a telephone has to spare. */
export const MAX_HELD_BYTES = 256 * 1024 * 1024;

export interface Wanted {
  readonly name: string;
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
}

/** Where a file goes. Nothing of it is there for anybody before `keep`. */
export interface Sink {
  write(piece: Uint8Array<ArrayBuffer>): Promise<void>;
  keep(): Promise<void>;
  drop(): Promise<void>;
}

/** The part of File System Access that is used (wicg.github.io/file-system-access). */
export interface Picker {
  showSaveFilePicker?(options: { readonly suggestedName: string }): Promise<{
    createWritable(): Promise<{
      write(piece: Uint8Array<ArrayBuffer>): Promise<void>;
      close(): Promise<void>;
      abort(): Promise<void>;
    }>;
  }>;
}

/** Whether a file of this size can be handed out here. */
export const fits = (size: number, { showSaveFilePicker }: Picker): boolean =>
  showSaveFilePicker !== undefined || size <= MAX_HELD_BYTES;

/**
 * Asks where to, where the browser can write a file as it comes; keeps it in memory elsewhere. To be called at once when
 * a person asks for it: browsers ask for nothing later.
 *
 * @param name as a verified release has it: such names are safe on every system
 * @param give hands a whole file out
 * @returns undefined when the person changed their mind
 */
export async function openSink(name: string, picker: Picker, give: (file: Blob) => void): Promise<Sink | undefined> {
  if (picker.showSaveFilePicker === undefined) {
    let pieces: Uint8Array<ArrayBuffer>[] = [];
    return {
      write: async (piece) => void pieces.push(piece),
      keep: async () => give(new Blob(pieces, { type: "application/octet-stream" })),
      drop: async () => {
        pieces = [];
      },
    };
  }
  try {
    const handle = await picker.showSaveFilePicker({ suggestedName: name });
    // The browser writes beside the file, and puts it in its place when it is closed.
    const file = await handle.createWritable();
    return { write: (piece) => file.write(piece), keep: () => file.close(), drop: () => file.abort() };
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "AbortError") return undefined;
    throw new TesError("internal", { detail: "The browser could not write there.", cause: thrown });
  }
}

/**
 * Fetches a file into a sink, which keeps it once its SHA-256 is the one that was signed, and drops it otherwise.
 *
 * @throws digest_mismatch, artifact_unknown, authority_unreachable, interrupted; answer_unsigned with `facts.status`
 */
export async function fetchChecked(
  client: Pick<TesClient, "download">,
  { sha256, size }: Wanted,
  sink: Sink,
  signal: AbortSignal,
  onProgress: (bytes: number) => void,
): Promise<void> {
  try {
    for await (const piece of client.download(sha256, size, { signal, onProgress })) {
      await sink.write(piece as Uint8Array<ArrayBuffer>);
    }
    if (signal.aborted) throw new TesError("interrupted");
    await sink.keep();
  } catch (thrown) {
    // What broke it off is what is told.
    await sink.drop().catch(() => undefined);
    throw thrown;
  }
}

/** Whether the authority did not give a file to whoever asks here. Its answer for files is signed by no one. */
export const mustSignIn = ({ code, facts }: TesError): boolean =>
  code === "answer_unsigned" && (facts?.status === 401 || facts?.status === 403);
