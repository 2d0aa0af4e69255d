/**
 * What was seen of one log from outside, kept across crashes: every statement that was acknowledged, every tree head
 * that was shown. Nothing of it may ever be taken back.
 */

import { createClient, memoryPins } from "../../../src/client/index.ts";
import {
  checkReceipt,
  type Json,
  jcs,
  leafOf,
  noteChecker,
  type ReceiptJson,
  Tree,
  type TreeHead,
} from "../../independent/log.ts";
import type { Write } from "./bumps.ts";
import type { Wire } from "./http.ts";

interface KeysJson {
  readonly genesis: {
    readonly seq: number;
    readonly origin: string;
    readonly keys: { readonly "log-ed25519": { readonly x: string } };
    readonly [member: string]: Json;
  };
  readonly checkpoint: string;
}

export interface Witness {
  /** How many statements are known. */
  readonly size: number;
  /** What is pinned about the registry: the hash of its genesis (hex), and its log's public key (base64url). */
  readonly pin: { readonly genesis: string; readonly logKey: string };
  /** Learns the genesis, or finds that it is still the same. */
  meet(wire: Wire): Promise<TreeHead>;
  /** Notes a receipt under the key of its write. @throws when it says another thing than an earlier one */
  note(write: Write, receipt: ReceiptJson): TreeHead;
  /** @throws unless the statements known are the whole log, each key's exactly once, under each of the heads */
  confirm(now: TreeHead, seen: readonly TreeHead[]): void;
}

export function newWitness(): Witness {
  const tree = new Tree();
  const statements = new Map<number, string>();
  const seqOfKey = new Map<string, number>();
  let pin: Witness["pin"] | undefined;
  let checkNote: ((note: string) => TreeHead) | undefined;

  const learn = (statement: ReceiptJson["statement"]): void => {
    const text = jcs(statement);
    const known = statements.get(statement.seq);
    if (known !== undefined && known !== text) throw new Error(`statement ${statement.seq} was ${known}, now ${text}`);
    statements.set(statement.seq, text);
  };

  return {
    get size() {
      return statements.size;
    },
    get pin() {
      if (pin === undefined) throw new Error("the genesis was not seen yet");
      return pin;
    },
    async meet(wire) {
      // A nonce, so that no answer from memory hides the writes of the last second.
      const headers = { "tes-nonce": "A".repeat(22) };
      const answer = JSON.parse((await wire.send("/v1/default/keys", { headers })).text) as KeysJson;
      const { origin, keys } = answer.genesis;
      const logKey = keys["log-ed25519"].x;
      learn(answer.genesis);
      pin ??= { genesis: leafOf(answer.genesis).toString("hex"), logKey };
      checkNote ??= noteChecker(origin, logKey);
      return checkNote(answer.checkpoint);
    },
    note(write, receipt) {
      const head = checkReceipt(receipt, checkNote!);
      const before = seqOfKey.get(write.key);
      const { seq } = receipt.statement;
      if (before !== undefined && before !== seq)
        throw new Error(`${write.key} was written at ${before} and at ${seq}`);
      seqOfKey.set(write.key, seq);
      learn(receipt.statement);
      return head;
    },
    confirm(now, seen) {
      // One statement for each key, and the genesis: so none is there twice, and none that nobody asked for.
      if (now.size !== seqOfKey.size + 1) throw new Error(`${seqOfKey.size} writes gave a log of ${now.size}`);
      let version: string | undefined;
      for (let seq = 0; seq < now.size; seq++) {
        const text = statements.get(seq);
        if (text === undefined) throw new Error(`statement ${seq} of ${now.size} belongs to no write`);
        const statement = JSON.parse(text) as { readonly [member: string]: Json };
        version = follow(statement, version, seq);
        if (seq >= tree.size) tree.push(leafOf(statement));
      }
      for (const { size, root } of [...seen, now]) {
        if (!tree.root(size).equals(root)) throw new Error(`the log of size ${size} is not the one that was seen`);
      }
    },
  };
}

/** The version after a statement. @throws unless a bump starts from the version that the one before it left */
function follow(statement: { readonly [member: string]: Json }, version: string | undefined, seq: number) {
  if (statement.type === "entity.declared") return statement.version as string;
  if (statement.type !== "version.bumped") return version;
  const [{ from, to }] = statement.changes as [{ from: string; to: string }];
  if (from !== version) throw new Error(`statement ${seq} goes on from ${from}, and the version was ${version}`);
  return to;
}

/** Lets our own client, which knows nothing but one head, decide whether the log now extends it. */
export async function confirmByClient(url: string, pin: Witness["pin"], head: TreeHead): Promise<void> {
  const store = memoryPins();
  const { origin, size } = head;
  await store.save("pin", { ...pin, origin, size, root: head.root.toString("base64") });
  await createClient({ url, store, pinKey: "pin", genesis: pin.genesis }).checkpoint();
}
