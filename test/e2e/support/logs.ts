/** A whole log of an authority, read as its admins may, and everything that was shown of it before. */

import type { Statement } from "../../independent/call.ts";
import {
  checkReceipt,
  jcs,
  leafOf,
  noteChecker,
  type ReceiptJson,
  Tree,
  type TreeHead,
} from "../../independent/log.ts";
import type { Bearer } from "./calls.ts";
import type { Wire } from "./http.ts";
import type { Witness } from "./witness.ts";

export interface LogWitness {
  readonly log: readonly Statement[];
  readonly pin: Witness["pin"];
  /** Reads what is new. @throws unless it goes on from what was read before, up to a signed head */
  read(wire: Wire): Promise<TreeHead>;
  /** Remembers what a receipt proves. @throws when it proves nothing */
  note(receipt: ReceiptJson): TreeHead;
  /** @throws unless every receipt and head is of the log that was read */
  confirm(heads: readonly TreeHead[]): void;
}

interface Header {
  readonly genesis: string;
  readonly size: number;
  readonly root: string;
  readonly checkpoint: string;
}

export function newLogWitness(registry: string, { text }: Bearer): LogWitness {
  const log: Statement[] = [];
  const tree = new Tree();
  const noted = new Map<string, ReceiptJson["statement"]>();
  let pin: Witness["pin"] | undefined;
  let checkNote: ((note: string) => TreeHead) | undefined;

  const get = async (wire: Wire, path: string): Promise<string> => {
    const reply = await wire.send(`/v1/${registry}${path}`, { headers: { authorization: `Bearer ${text}` } });
    if (reply.status !== 200) throw new Error(`${registry}${path}: ${reply.status} ${reply.text}`);
    return reply.text;
  };

  return {
    log,
    get pin() {
      if (pin === undefined) throw new Error("the log was not read yet");
      return pin;
    },
    async read(wire) {
      const { size, root, checkpoint, genesis } = JSON.parse(await get(wire, "/export")) as Header;
      if (size < log.length) throw new Error(`${registry}: a log of ${log.length} statements has ${size}`);
      while (log.length < size) {
        const lines = await get(wire, `/export/statements?from=${log.length}&size=${size}`);
        for (const line of lines.split("\n").slice(0, -1)) {
          const statement = JSON.parse(line) as Statement;
          if (jcs(statement) !== line) throw new Error(`${registry}: not canonical: ${line}`);
          log.push(statement);
          tree.push(leafOf(statement));
        }
      }
      const [first] = log as unknown as [{ origin: string; keys: { "log-ed25519": { x: string } } }];
      const logKey = first.keys["log-ed25519"].x;
      pin ??= { genesis: tree.leaf(0)!.toString("hex"), logKey };
      checkNote ??= noteChecker(first.origin, logKey);
      const head = checkNote(checkpoint);
      const isSame = head.size === size && head.root.equals(tree.root()) && head.root.toString("base64") === root;
      if (!isSame || genesis !== pin.genesis) throw new Error(`${registry}: its head is not its log's: ${checkpoint}`);
      return head;
    },
    note(receipt) {
      const text = jcs(receipt.statement);
      noted.set(text, receipt.statement);
      return checkReceipt(receipt, checkNote!);
    },
    confirm(heads) {
      for (const [text, { seq }] of noted) {
        if (log[seq] === undefined || jcs(log[seq]) !== text) throw new Error(`${registry}: not in the log: ${text}`);
      }
      for (const { size, root } of heads) {
        if (!tree.root(size).equals(root))
          throw new Error(`${registry}: the log of ${size} is not the one that was seen`);
      }
    },
  };
}
