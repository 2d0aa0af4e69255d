/** A file is there for nobody before it was found to be the right one, wherever it is kept until then. */

import { expect, test } from "vitest";
import { TesError } from "../../../src/client/index.ts";
import {
  fetchChecked,
  fits,
  MAX_HELD_BYTES,
  mustSignIn,
  openSink,
  type Picker,
} from "../../../src/dashboard/model/download.ts";

const FILE = { name: "a.bin", size: 4, sha256: "ab".repeat(32) };
const bytes = (text: string) => new TextEncoder().encode(text);

/** A client whose file comes in two pieces, and then fails if it is to. */
const giving = (failure?: unknown) => ({
  async *download() {
    yield bytes("fi");
    yield bytes("le");
    if (failure !== undefined) throw failure;
  },
});
const never = new AbortController().signal;
const ignore = () => undefined;

/** A browser that writes files piece by piece. */
function writing() {
  const done: string[] = [];
  const picker: Picker = {
    showSaveFilePicker: async ({ suggestedName }) => ({
      createWritable: async () => ({
        write: async (piece) => void done.push(new TextDecoder().decode(piece)),
        close: async () => void done.push(`kept as ${suggestedName}`),
        abort: async () => void done.push("dropped"),
      }),
    }),
  };
  return { picker, done };
}

test("a file that comes whole is kept, and one that does not is dropped: both ways", async () => {
  const given: Blob[] = [];
  const held = await openSink(FILE.name, {}, (whole) => void given.push(whole));
  await fetchChecked(giving(), FILE, held!, never, ignore);
  expect(await given[0]!.text()).toBe("file");
  const wrong = new TesError("digest_mismatch");
  const again = await openSink(FILE.name, {}, (whole) => void given.push(whole));
  await expect(fetchChecked(giving(wrong), FILE, again!, never, ignore)).rejects.toBe(wrong);
  expect(given).toHaveLength(1);

  const { picker, done } = writing();
  await fetchChecked(giving(), FILE, (await openSink(FILE.name, picker, ignore))!, never, ignore);
  expect(done.splice(0)).toEqual(["fi", "le", "kept as a.bin"]);
  await expect(
    fetchChecked(giving(wrong), FILE, (await openSink(FILE.name, picker, ignore))!, never, ignore),
  ).rejects.toBe(wrong);
  expect(done).toEqual(["fi", "le", "dropped"]);
});

test("one that was stopped at its very end is dropped", async () => {
  const { picker, done } = writing();
  const sink = await openSink(FILE.name, picker, ignore);
  await expect(fetchChecked(giving(), FILE, sink!, AbortSignal.abort(), ignore)).rejects.toMatchObject({
    code: "interrupted",
  });
  expect(done.at(-1)).toBe("dropped");
});

test("who picks no place gets no file, and no error; a place that cannot be written is one", async () => {
  const failing = (error: unknown): Picker => ({
    showSaveFilePicker: async () => {
      throw error;
    },
  });
  expect(await openSink("a", failing(new DOMException("", "AbortError")), ignore)).toBeUndefined();
  await expect(openSink("a", failing(new DOMException("", "NotAllowedError")), ignore)).rejects.toMatchObject({
    code: "internal",
  });
});

test("what waits in memory has a limit; what is written as it comes has none here", () => {
  expect([fits(MAX_HELD_BYTES, {}), fits(MAX_HELD_BYTES + 1, {})]).toEqual([true, false]);
  expect(fits(MAX_HELD_BYTES + 1, writing().picker)).toBe(true);
});

test.each<[number | undefined, boolean]>([
  [401, true],
  [403, true],
  [500, false],
  [undefined, false],
])("an answer for a file that nothing signs, %s", (status, expected) => {
  const facts = status === undefined ? {} : { facts: { status } };
  expect(mustSignIn(new TesError("answer_unsigned", facts))).toBe(expected);
});
