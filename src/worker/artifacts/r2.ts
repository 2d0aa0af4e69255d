/** Files in R2: one multipart upload each, in equal parts, as R2 wants them. */

import type { ArtifactStorage } from "./storage.ts";

/** A part is called `<number>.<etag>`: both are needed to complete the upload. */
const nameOf = ({ partNumber, etag }: R2UploadedPart): string => `${partNumber}.${etag}`;

function partOf(name: string): R2UploadedPart {
  const dot = name.indexOf(".");
  return { partNumber: Number(name.slice(0, dot)), etag: name.slice(dot + 1) };
}

export function r2Storage(bucket: R2Bucket): ArtifactStorage {
  return {
    async begin(key) {
      return (await bucket.createMultipartUpload(key)).uploadId;
    },
    async putPart({ key, upload }, n, body) {
      return nameOf(await bucket.resumeMultipartUpload(key, upload).uploadPart(n, body));
    },
    // R2 keeps the last part of a number, and forgets the rest with the upload.
    dropPart: async () => undefined,
    async complete({ key, upload, size, parts }) {
      if (size === 0) {
        // An upload of no parts cannot be completed.
        await bucket.put(key, new Uint8Array(0));
        return;
      }
      try {
        await bucket.resumeMultipartUpload(key, upload).complete(parts.map(partOf));
      } catch (thrown) {
        // Completed before, by a request whose answer was lost.
        if ((await bucket.head(key))?.size !== size) throw thrown;
      }
    },
    async read({ key, size }, offset, length) {
      const whole = offset === 0 && length === size;
      const object = await bucket.get(key, whole ? {} : { range: { offset, length } });
      return object === null ? null : (object.body as ReadableStream<Uint8Array>);
    },
    async remove({ key, upload }) {
      // An upload that was completed, or is gone, cannot be given up.
      await bucket
        .resumeMultipartUpload(key, upload)
        .abort()
        .catch(() => undefined);
      await bucket.delete(key);
    },
  };
}
