/** Range requests (RFC 9110 section 14.2), a single one in bytes: a server may pass over any other, and answers whole. */

export interface Range {
  readonly offset: number;
  readonly length: number;
}

/**
 * Null: answer with the whole. Ranges of several parts, of other units, or that cannot be read are passed over.
 *
 * @param size of the whole, bytes
 */
export function parseRange(field: string | null, size: number): Range | null | "unsatisfiable" {
  const match = /^bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/i.exec(field ?? "");
  if (match === null) return null;
  const [, first, last, suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size);
    return length === 0 ? "unsatisfiable" : { offset: size - length, length };
  }
  const offset = Number(first);
  if (last !== undefined && Number(last) < offset) return null;
  if (offset >= size) return "unsatisfiable";
  const end = last === undefined ? size : Math.min(Number(last) + 1, size);
  return { offset, length: end - offset };
}
