/** The names this authority answers to. A Host header alone is never believed. */

/** `host[:port]` of a URL: lower case, without the default port (RFC 9421 section 2.2.3). */
export const authorityOf = (url: URL): string => url.host.toLowerCase();

/** The allow-list out of TES_AUTHORITIES: comma separated, white space ignored. Empty means no name at all. */
export function parseAuthorities(list: string | undefined): ReadonlySet<string> {
  return new Set(
    (list ?? "")
      .split(",")
      .map((name) => name.trim().toLowerCase())
      .filter((name) => name !== ""),
  );
}
