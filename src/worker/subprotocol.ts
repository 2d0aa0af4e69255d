/** Which subprotocol a socket speaks. */

import { TesError } from "../core/errors.ts";
import { SUBPROTOCOL } from "../protocol/handshake.ts";

/** What a request offers (RFC 6455 section 4.1, item 10). @throws TesError `bad_request`, `subprotocol_unknown` */
export function chooseSubprotocol(offered: string | null): string {
  const names = (offered ?? "").split(",").map((name) => name.trim());
  const list = `This route speaks: ${SUBPROTOCOL}.`;
  if (offered === null) throw new TesError("subprotocol_unknown", { detail: list });
  if (names.some((name) => !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) || new Set(names).size !== names.length) {
    throw new TesError("bad_request", {
      field: "Sec-WebSocket-Protocol",
      detail: `Names are tokens, each at most once. ${list}`,
    });
  }
  if (!names.includes(SUBPROTOCOL)) throw new TesError("subprotocol_unknown", { detail: list });
  return SUBPROTOCOL;
}
