/** A secret stays one in everything that this runtime prints. */

import { equal, ok } from "../asserts.ts";
import type { SuiteOptions } from "../suite.ts";

export function secretSuite({ test, client, inspectors, canary, url, token }: SuiteOptions): void {
  const secret = new client.Secret(canary);

  test("a secret as text, as JSON and as a clone", () => {
    equal(secret.reveal(), canary);
    const shown = [String(secret), `${secret}`, JSON.stringify({ secret }), Object.keys(secret).join()];
    equal(shown, ["[secret]", "[secret]", '{"secret":"[secret]"}', ""]);
    equal(JSON.stringify(structuredClone(secret)), "{}");
    equal(Reflect.ownKeys(secret), []);
  });

  test("a secret in the inspectors of this runtime", () => {
    for (const inspect of inspectors) {
      for (const value of [secret, { deep: [{ secret }] }, new Map([["key", secret]])]) {
        const shown = inspect(value);
        ok(shown.includes("[secret]") && !shown.includes(canary), `it shows nothing: ${shown.replaceAll(canary, "!")}`);
      }
      // Not every runtime shows the cause of an error.
      ok(!inspect(new Error("no", { cause: secret })).includes(canary), "nor does an error with it for a cause");
    }
  });

  // Whoever started the runtime reads what it printed.
  test("a secret on the console", () => {
    console.log("to the console:", secret, { deep: { secret } }, [secret]);
    console.error("to the console:", new Error("no", { cause: secret }));
    console.dir({ secret });
    console.table?.([{ secret }]);
  });

  test("a client on the console shows no token", () => {
    const holder = client.createClient({ url, token, trustFirst: true });
    console.log("a client:", holder);
    for (const inspect of [JSON.stringify, ...inspectors]) {
      ok(!inspect(holder)?.includes(token), "its token does not show");
    }
  });
}
