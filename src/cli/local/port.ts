/** Ports on the loopback address. */

import { createServer } from "node:net";
import { TesError } from "../../core/errors.ts";
import { codeOf } from "./data.ts";

export const HOST = "127.0.0.1";
/** The port that `tes serve` takes when it can. */
export const USUAL_PORT = 8787;
const MAX_PORT = 65_535;

/** A port as somebody typed it. @throws {TesError} `usage` */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > MAX_PORT) {
    throw new TesError("usage", { detail: `--port takes a number from 0 to ${MAX_PORT}; 0 picks a free one.` });
  }
  return port;
}

/**
 * Picks the port to listen on: a given one or an error, the usual one or else a free one.
 *
 * workerd binds it a moment later, since its configuration has to name the port beforehand. Whoever takes it in
 * between makes workerd's start fail, and startAuthority asks again.
 *
 * @param wanted undefined: the usual one or a free one; 0: a free one; else exactly that one
 * @throws {TesError} `port_in_use` for a given port that is taken
 */
export async function pickPort(wanted: number | undefined): Promise<number> {
  if (wanted === undefined) return (await tryPort(USUAL_PORT)) ?? (await pickPort(0));
  const port = await tryPort(wanted);
  if (port === null) throw new TesError("port_in_use", { detail: `${HOST}:${wanted}`, facts: { port: wanted } });
  return port;
}

/** Binds and frees a port; null when it is taken. */
function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => {
      if (codeOf(error) === "EADDRINUSE") resolve(null);
      else if (codeOf(error) === "EACCES") {
        reject(new TesError("port_in_use", { detail: `${HOST}:${port} may not be used by this user.` }));
      } else reject(error);
    });
    server.listen({ host: HOST, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : null));
    });
  });
}
