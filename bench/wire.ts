/** Requests as they go over the wire. */

import { createHash } from "node:crypto";
import type { BenchAuthority } from "./authority.ts";
import { ENTITY } from "./authority.ts";

/** One request without a body. */
export function get(port: number, path: string, headers: Readonly<Record<string, string>> = {}): string {
  return wire("GET", port, path, headers, "");
}

/** One request with a body. */
export function post(port: number, path: string, headers: Readonly<Record<string, string>>, body: string): string {
  return wire("POST", port, path, { ...headers, "content-length": String(body.length) }, body);
}

function wire(
  method: string,
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): string {
  const lines = Object.entries({ host: `127.0.0.1:${port}`, ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `${[`${method} ${path} HTTP/1.1`, ...lines].join("\r\n")}\r\n\r\n${body}`;
}

let nonces = 0;
/** A read that only the object may answer. */
export const nonceRead = (port: number, path: string): string =>
  get(port, path, { "tes-nonce": `bench-nonce-${String(++nonces).padStart(20, "0")}` });

const BODY = JSON.stringify({ entity: ENTITY, scope: "patch" });
const DIGEST = `sha-256=:${createHash("sha256").update(BODY).digest("base64")}:`;
let keys = 0;
/** A bump as our client sends it, each with a key of its own. */
export const bump = ({ authority, token }: BenchAuthority): string =>
  post(
    authority.port,
    "/v1/default/bump",
    {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "content-digest": DIGEST,
      "idempotency-key": `bench-${++keys}`,
    },
    BODY,
  );
