import { env, exports } from "cloudflare:workers";
import { expect, test } from "vitest";

test("healthz", async () => {
  const answer = await exports.default.fetch("https://tes.test/healthz");
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ ok: true });
  void env;
});

test("state", async () => {
  const answer = await exports.default.fetch("https://tes.test/v1/default");
  console.log(answer.status, [...answer.headers], await answer.text());
});
