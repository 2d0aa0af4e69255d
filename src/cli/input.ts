/** What comes in: keys on standard input, and answers at prompts. Nothing typed at a hidden prompt is ever shown. */

import { confirm, isCancel, password } from "@clack/prompts";
import { TesError } from "../core/errors.ts";
import { MAX_KEY_INPUT_BYTES } from "../core/limits.ts";
import { Secret } from "../core/secret.ts";

/** Whether standard input is something other than a terminal. */
export const isPiped = (): boolean => process.stdin.isTTY !== true;

/**
 * Reads a key from standard input until its end. The line end that `echo` adds is dropped, nothing else.
 *
 * @throws {TesError} `input_missing` when nothing comes, `key_format` when far too much does
 */
export async function readKeyFromStdin(): Promise<Secret<string>> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > MAX_KEY_INPUT_BYTES)
      throw new TesError("key_format", { detail: `More than ${MAX_KEY_INPUT_BYTES} bytes came in.` });
    chunks.push(bytes);
  }
  const text = Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
  if (text.trim() === "")
    throw new TesError("input_missing", { detail: "Standard input is empty, and --key-file names no key." });
  return new Secret(text);
}

/** Asks for a key without showing it. @throws {TesError} `interrupted` on Ctrl-C and at the end of input */
export async function askKey(question: string): Promise<Secret<string>> {
  const answer = await orEnd(password({ message: question, mask: "•" }));
  if (isCancel(answer)) throw new TesError("interrupted");
  const text = answer.trim();
  if (text === "") throw new TesError("input_missing", { detail: "No key was typed." });
  return new Secret(text);
}

/**
 * Asks on stderr for a text without showing it, and takes it as it is typed: `tes publisher key --public > FILE` writes
 * a key to stdout.
 *
 * @throws {TesError} `interrupted`, `input_missing`
 */
export async function askHidden(question: string): Promise<Secret<string>> {
  const answer = await orEnd(password({ message: question, mask: "•", output: process.stderr }));
  if (isCancel(answer)) throw new TesError("interrupted");
  if (answer === undefined || answer === "") throw new TesError("input_missing", { detail: "Nothing was typed." });
  return new Secret(answer);
}

/** Asks yes or no, no unless it is said. @throws {TesError} `interrupted` on Ctrl-C and at the end of input */
export async function askYes(question: string): Promise<boolean> {
  const answer = await orEnd(confirm({ message: question, initialValue: false }));
  if (isCancel(answer)) throw new TesError("interrupted");
  return answer;
}

/** A prompt whose terminal goes away would wait for ever. */
async function orEnd<T>(prompt: Promise<T>): Promise<T> {
  let end: () => void = () => undefined;
  const ended = new Promise<never>((_, fail) => {
    end = () => fail(new TesError("interrupted", { detail: "The input ended." }));
  });
  process.stdin.once("end", end).once("close", end);
  try {
    return await Promise.race([prompt, ended]);
  } finally {
    process.stdin.off("end", end).off("close", end);
  }
}
