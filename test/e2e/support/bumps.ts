/** Writers that bump one entity, and what each of their requests came to. */

import type { ReceiptJson } from "../../independent/log.ts";
import type { Wire } from "./http.ts";

/** The entity that everyone bumps. */
export const ENTITY = "global:main";

/** One write, under one Idempotency-Key, however often it is sent. */
export interface Write {
  readonly key: string;
  readonly path: string;
  readonly body: string;
  /** Its receipt, once it was acknowledged: a whole answer with status 200 came. */
  receipt?: ReceiptJson;
}

export interface LoadOptions {
  readonly token: string;
  readonly clients: number;
  /** Bumps of each client, one after the other. */
  readonly each: number;
  /** Begins every key, so that no two loads share one. */
  readonly name: string;
  readonly onAcknowledged?: () => void;
}

export interface Load {
  /** Every request that was begun. Grows while the load runs. */
  readonly writes: readonly Write[];
  /** Resolves when every client has finished or lost its connection; rejects on an answer other than 200. */
  readonly done: Promise<void>;
}

export const declaration = (key: string): Write => ({
  key,
  path: "/v1/default/entities",
  body: JSON.stringify({ entities: [{ entity: ENTITY }] }),
});

/** Sends a write once. Its receipt is noted only when the answer came whole. @throws on anything but 200 */
export async function sendWrite(wire: Wire, token: string, write: Write): Promise<ReceiptJson> {
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    "idempotency-key": write.key,
  };
  const reply = await wire.send(write.path, { method: "POST", headers, body: write.body });
  if (reply.status !== 200) throw new Error(`${write.key}: ${reply.status} ${reply.text}`);
  const { receipt, receipts } = JSON.parse(reply.text) as { receipt?: ReceiptJson; receipts?: ReceiptJson[] };
  return (receipt ?? receipts?.[0])!;
}

/** Begins a load. A client whose connection breaks sends nothing more: it does not know what became of its request. */
export function startLoad(wire: Wire, options: LoadOptions): Load {
  const { token, clients, each, name } = options;
  const writes: Write[] = [];
  const client = async (number: number): Promise<void> => {
    for (let turn = 0; turn < each; turn++) {
      const body = JSON.stringify({ entity: ENTITY, scope: "patch" });
      const write: Write = { key: `${name}-${number}-${turn}`, path: "/v1/default/bump", body };
      writes.push(write);
      try {
        write.receipt = await sendWrite(wire, token, write);
      } catch (thrown) {
        if (isBroken(thrown)) return;
        throw thrown;
      }
      options.onAcknowledged?.();
    }
  };
  const done = Promise.all(Array.from({ length: clients }, (_, number) => client(number))).then(() => undefined);
  return { writes, done };
}

/** Whether a connection broke or was refused, so that nobody knows what became of the request. */
export function isBroken(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && /^(ECONN|EPIPE)/.test(String(thrown.code));
}
