/** What was refused stays refused for as long as the page is open, whoever looks at it next. */

import { expect, test } from "vitest";
import { createClient, TesError } from "../../../src/client/index.ts";
import { type Incident, Registry } from "../../../src/dashboard/model/registry.ts";

const URL = "http://127.0.0.1:9";

function look(refusals: Map<string, Incident>, name: string): Registry {
  const client = createClient({ url: URL, registry: name, trustFirst: true });
  return new Registry({
    name,
    client,
    anyone: client,
    now: () => 5,
    refusals,
    key: `${URL}/${name}`,
    here: URL,
    pinned: async () => undefined,
    noted: { get: () => undefined, set: () => undefined },
    mayWatch: () => true,
  });
}

test("another object for a registry that was refused starts refused; others, and another page, do not", () => {
  const refusals = new Map<string, Incident>();
  const first = look(refusals, "default");
  first.failed(new TesError("authority_unreachable"), "the state");
  expect(first.refusal).toBeUndefined();
  first.failed(new TesError("digest_mismatch"), "the state");
  first.failed(new TesError("proof_invalid"), "later");
  const again = look(refusals, "default");
  expect(again.refusal).toMatchObject({ what: "the state", error: { code: "digest_mismatch" } });
  expect(again.incidents).toHaveLength(1);
  expect(look(refusals, "team-a").refusal).toBeUndefined();
  expect(look(new Map(), "default").refusal).toBeUndefined();
});
