/**
 * Files in a directory that workerd serves (its `disk` service, writable): every part is a file of its own for good, so
 * that nothing is copied when the last one has come. docs/decisions/workerd-disk-service.md has what that service does.
 */

import { ARTIFACT_PART_BYTES } from "../../core/limits.ts";
import type { ArtifactStorage } from "./storage.ts";

/** The host means nothing: the service looks at the path. */
const urlOf = (path: string): string => `http://disk/${path}`;

async function taken(response: Response, what: string): Promise<void> {
  await response.body?.cancel();
  if (!response.ok && response.status !== 404) throw new Error(`the disk service: ${response.status} for ${what}`);
}

export function diskStorage(disk: Fetcher): ArtifactStorage {
  const remove = async (path: string): Promise<void> =>
    taken(await disk.fetch(urlOf(path), { method: "DELETE" }), "DELETE");

  return {
    begin: async () => crypto.randomUUID(),
    async putPart({ key, upload }, n, body, length) {
      // A name of its own for each try: what is read at the same time is never written.
      const part = `${n}-${crypto.randomUUID()}`;
      const path = `${key}/${upload}/${part}`;
      try {
        await taken(await disk.fetch(urlOf(path), { method: "PUT", body }), "PUT");
        // The service keeps what came of a body that broke off, and says 204.
        const head = await disk.fetch(urlOf(path), { method: "HEAD" });
        await head.body?.cancel();
        if (Number(head.headers.get("content-length")) !== length) throw new Error("the part did not come whole");
      } catch (thrown) {
        await remove(path);
        throw thrown;
      }
      return part;
    },
    dropPart: ({ key, upload }, part) => remove(`${key}/${upload}/${part}`),
    async complete({ key, upload, size, parts }) {
      for (const [index, part] of parts.entries()) {
        const head = await disk.fetch(urlOf(`${key}/${upload}/${part}`), { method: "HEAD" });
        await head.body?.cancel();
        if (head.status === 404) return false;
        if (!head.ok) throw new Error(`the disk service: ${head.status} for HEAD`);
        const length = Math.min(ARTIFACT_PART_BYTES, size - index * ARTIFACT_PART_BYTES);
        if (Number(head.headers.get("content-length")) !== length) return false;
      }
      return true;
    },
    async read({ key, upload, parts }, offset, length) {
      const { readable, writable } = new IdentityTransformStream();
      const end = offset + length;
      const open = async (index: number): Promise<ReadableStream<Uint8Array> | null> => {
        const first = index * ARTIFACT_PART_BYTES;
        const from = Math.max(offset - first, 0);
        const to = Math.min(end - first, ARTIFACT_PART_BYTES) - 1;
        const response = await disk.fetch(urlOf(`${key}/${upload}/${parts[index]!}`), {
          headers: { range: `bytes=${from}-${to}` },
        });
        // A range over all of a file is answered with 200.
        const whole = response.status === 200 && from === 0;
        if (response.status === 206 || whole) return response.body;
        await response.body?.cancel();
        return null;
      };
      if (length === 0) {
        await writable.close();
        return readable;
      }
      let index = Math.floor(offset / ARTIFACT_PART_BYTES);
      const opened = await open(index);
      if (opened === null) return null;
      void (async () => {
        let part: ReadableStream<Uint8Array> | null = opened;
        try {
          for (;;) {
            await part!.pipeTo(writable, { preventClose: true, preventAbort: true });
            index += 1;
            if (index * ARTIFACT_PART_BYTES >= end) break;
            part = await open(index);
            if (part === null) throw new Error(`part ${index + 1} is not there`);
          }
          await writable.close();
        } catch (thrown) {
          await writable.abort(thrown).catch(() => undefined);
        }
      })();
      return readable;
    },
    async remove({ key, upload, parts }) {
      for (const part of parts) await remove(`${key}/${upload}/${part}`);
      // What was tried and did not count lies beside them.
      const response = await disk.fetch(urlOf(`${key}/${upload}/`));
      if (response.ok) {
        for (const { name } of (await response.json()) as { name: string }[]) await remove(`${key}/${upload}/${name}`);
      } else await response.body?.cancel();
      await remove(`${key}/${upload}`);
    },
  };
}
