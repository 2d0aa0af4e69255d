/**
 * Files in R2: one multipart upload each, in equal parts, as R2 wants them. Every upload has a key of its own, so that a
 * deletion that comes late, or twice, cannot meet what was uploaded since.
 */

import type { ArtifactStorage } from "./storage.ts";

/** A part is called `<number>.<etag>`: both are needed to complete the upload. */
const nameOf = ({ partNumber, etag }: R2UploadedPart): string => `${partNumber}.${etag}`;

function partOf(name: string): R2UploadedPart {
  const dot = name.indexOf(".");
  return { partNumber: Number(name.slice(0, dot)), etag: name.slice(dot + 1) };
}

/** An upload is called `<suffix of its key>.<R2's id of it>`. */
function openOf({ key, upload }: { readonly key: string; readonly upload: string }): { key: string; id: string } {
  const dot = upload.indexOf(".");
  return { key: `${key}/${upload.slice(0, dot)}`, id: upload.slice(dot + 1) };
}

/** R2's codes for an upload that it does not know (10024), and a part (10025): asking again would not help. */
const isGone = (thrown: unknown): boolean =>
  thrown instanceof Error && /\(100(?:24|25)\)|NoSuchUpload|InvalidPart/.test(thrown.message);

export function r2Storage(bucket: R2Bucket): ArtifactStorage {
  return {
    async begin(key) {
      const suffix = crypto.randomUUID();
      return `${suffix}.${(await bucket.createMultipartUpload(`${key}/${suffix}`)).uploadId}`;
    },
    async putPart(place, n, body) {
      const { key, id } = openOf(place);
      return nameOf(await bucket.resumeMultipartUpload(key, id).uploadPart(n, body));
    },
    // R2 keeps the last part of a number, and forgets the rest with the upload.
    dropPart: async () => undefined,
    async complete({ size, parts, ...place }) {
      const { key, id } = openOf(place);
      if (size === 0) {
        // An upload of no parts cannot be completed.
        await bucket.put(key, new Uint8Array(0));
        return true;
      }
      try {
        await bucket.resumeMultipartUpload(key, id).complete(parts.map(partOf));
        return true;
      } catch (thrown) {
        // Completed before, by a request whose answer was lost.
        if ((await bucket.head(key))?.size === size) return true;
        if (isGone(thrown)) return false;
        throw thrown;
      }
    },
    async read({ size, ...place }, offset, length) {
      const whole = offset === 0 && length === size;
      const object = await bucket.get(openOf(place).key, whole ? {} : { range: { offset, length } });
      return object === null ? null : (object.body as ReadableStream<Uint8Array>);
    },
    async remove(place) {
      const { key, id } = openOf(place);
      // An upload that was completed, or is gone, cannot be given up.
      await bucket
        .resumeMultipartUpload(key, id)
        .abort()
        .catch((thrown: unknown) => {
          if (!isGone(thrown)) throw thrown;
        });
      await bucket.delete(key);
    },
  };
}
