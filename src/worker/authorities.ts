/** The names this authority answers to. A Host header alone is never believed. */

/** `host[:port]` of a URL: lower case, without the default port (RFC 9421 section 2.2.3). */
export const authorityOf = (url: URL): string => url.host.toLowerCase();

/** The list that was read last: every request asks for the same one. */
let last: { readonly list: string; readonly names: ReadonlySet<string> } | undefined;

/** The allow-list out of TES_AUTHORITIES: comma separated, white space ignored. Empty means no name at all. */
export function parseAuthorities(list = ""): ReadonlySet<string> {
  if (last?.list !== list) {
    const names = list.split(",").map((name) => name.trim().toLowerCase());
    last = { list, names: new Set(names.filter((name) => name !== "")) };
  }
  return last.names;
}
