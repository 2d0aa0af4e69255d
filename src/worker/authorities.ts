/** The names this authority answers to. A Host header alone is never believed. */

/** `host[:port]` of a URL: lower case, without the default port (RFC 9421 section 2.2.3). */
export const authorityOf = (url: URL): string => url.host.toLowerCase();

/** What a request's URL says on the wire, before a URL parser makes it what it should have been. */
export interface Wire {
  /** `host[:port]`, lower case, without the default port. */
  readonly authority: string;
  readonly path: string;
}

/** A URL as a server puts it together from the Host field and the target. A target in absolute form it takes apart. */
const WIRE = /^(https?):\/\/([^/?#]*)([^?#]*)/;
/** RFC 9112 section 3.2: a host and a port, and nothing else. Digits and dots are not read: the list does that. */
const HOST = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/;

/**
 * Reads a URL without correcting it: of the many spellings of one host (`0x7f.1`, `127.0.0.1:08792`, `l%6fcalhost`,
 * `anyone@localhost`) a parser makes the same, and only one is a name of ours.
 *
 * @returns undefined for what is no URL of ours at all: two hosts, a host that cannot be, no path
 */
export function readWire(url: string): Wire | undefined {
  const [, scheme, host, path] = WIRE.exec(url) ?? [];
  if (host === undefined || path === undefined) return undefined;
  const authority = host.toLowerCase().replace(scheme === "https" ? /:443$/ : /:80$/, "");
  return HOST.test(authority) && path.startsWith("/") ? { authority, path } : undefined;
}

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
