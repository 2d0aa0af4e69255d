import { fromBase64Url, toHex } from "../../core/bytes.ts";

/** How files call a publisher: the first 8 hex characters of the kid's bytes. Every file system tells these apart. */
export function shortKid(kid: string): string {
  return toHex(fromBase64Url(kid)!.subarray(0, 4));
}
