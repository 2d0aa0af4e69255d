/** Looking back and handing on: history, differences, texts beside the log, and the export. */

import { utf8 } from "../../../src/core/bytes.ts";
import { sha256Hex } from "../../../src/core/hash.ts";
import { equal, ok, refused } from "../asserts.ts";
import type { SuiteOptions } from "../suite.ts";

export function historySuite({ test, client, url, genesis, token, name }: SuiteOptions): void {
  const { createClient } = client;
  const writer = createClient({ url, genesis, token });
  const entity = `history:${name}`;

  test("history page by page, what changed between two sizes, and the state as it was", async () => {
    const { size: before } = await writer.state();
    await writer.declare([{ entity, version: "1.0.0" }]);
    for (const scope of ["patch", "minor", "major"] as const) await writer.bump({ entity, scope });
    const reader = createClient({ url, genesis });
    const first = await reader.history(entity, { limit: 3 });
    const rest = await reader.history(entity, { limit: 3, cursor: first.next! });
    const versions = [...first.entries, ...rest.entries].map(({ version }) => version);
    equal([versions, rest.next], [["2.0.0", "1.1.0", "1.0.1", "1.0.0"], null]);
    const { changes } = await reader.diff(before);
    const mine = changes.find((change) => change.entity === entity);
    equal([mine?.before, mine?.after?.version], [null, "2.0.0"]);
    const then = await reader.state(first.entries[1]!.seq + 1);
    equal(then.entities.find((one) => one.entity === entity)?.version, "1.1.0");
  });

  test("a reason is a text beside the log, and is what the statement says it is", async () => {
    const reason = `Replaced by €\u{1f600}, ${name}.`;
    const { receipt } = await writer.retire(entity, { reason });
    const digest = receipt?.statement.reason?.digest;
    ok(digest !== undefined, "the statement refers to it");
    equal((await writer.blob(digest)).text, reason);
    await refused(writer.bump({ entity, scope: "patch" }), "entity_retired");
  });

  test("an export leads to the root that was signed, line by line", async () => {
    const lines: string[] = [];
    for await (const line of writer.exportLines()) lines.push(line);
    const body = lines.slice(0, -1).join("");
    equal(JSON.parse(lines.at(-1)!), { end: sha256Hex(utf8(body)) });
    const { size } = JSON.parse(lines[0]!) as { size: number };
    ok(size > 5 && body.includes(`"entity":"${entity}"`), `it holds the ${size} statements`);
  });

  test("an export by whoever may only read is refused", async () => {
    await refused(createClient({ url, genesis }).exportLines().next(), "token_missing");
  });
}
