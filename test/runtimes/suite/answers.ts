/** Answers that were changed on the way: one byte is enough to be refused. */

import { equal, refused } from "../asserts.ts";
import type { SuiteOptions } from "../suite.ts";

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
}

export function answersSuite({ test, client, url, genesis, name }: SuiteOptions): void {
  const { createClient } = client;
  const path = `/v1/default/entities/global:${name}`;
  const nothing = (answer: Answer): Answer => answer;

  /** Reads an entity through somebody who changes the answer about it, and no other. */
  const through = (change: (answer: Answer) => Answer): Promise<unknown> =>
    createClient({
      url,
      genesis,
      attempts: 1,
      fetch: async (target, init) => {
        const response = await fetch(target, init);
        if (new URL(target).pathname !== path) return response;
        const body = new Uint8Array(await response.arrayBuffer());
        const answer = change({ status: response.status, headers: new Headers(response.headers), body });
        return new Response(answer.body, { status: answer.status, headers: answer.headers });
      },
    }).entity(`global:${name}`);

  const header = (changed: string, change: (value: string) => string) => (answer: Answer) => {
    const before = answer.headers.get(changed)!;
    answer.headers.set(changed, change(before));
    if (answer.headers.get(changed) === before) throw new Error(`nothing was changed in ${changed}: ${before}`);
    return answer;
  };

  test("an answer that passes through other hands unchanged is believed", async () => {
    equal(((await through(nothing)) as { entity: string }).entity, `global:${name}`);
  });

  test("one bit of the body, wherever it is", async () => {
    for (const place of [0, 0.25, 0.5, 0.999]) {
      const change = (answer: Answer): Answer => {
        answer.body[Math.floor(answer.body.length * place)]! ^= 1;
        return answer;
      };
      await refused(through(change), "digest_mismatch", `at ${place}`);
    }
    await refused(
      through(({ body, ...rest }) => ({ ...rest, body: body.slice(0, -1) })),
      "digest_mismatch",
      "cut short",
    );
  });

  const digit = (text: string) => text.replace(/[0-9](?=[^0-9]*$)/, (last) => String((Number(last) + 1) % 10));
  const letter = (text: string) => (text[0] === "A" ? `B${text.slice(1)}` : `A${text.slice(1)}`);
  const cases: readonly [string, string, (answer: Answer) => Answer][] = [
    ["status", "signature_invalid", (answer) => ({ ...answer, status: 201 })],
    ["Content-Type", "signature_invalid", header("content-type", (value) => `${value}; charset=utf-8`)],
    ["TES-Provenance", "signature_invalid", header("tes-provenance", digit)],
    ["Content-Digest", "digest_mismatch", header("content-digest", (value) => value.replace(/(?<=:)[^:]+/, letter))],
    [
      "Signature",
      "signature_invalid",
      header("signature", (value) => value.replace(/(?<=tes-ed25519=:)[^:]+/, letter)),
    ],
    [
      "the time of signing",
      "signature_invalid",
      header("signature-input", (value) => value.replaceAll(/(?<=created=)[0-9]+/g, digit)),
    ],
    [
      "the nonce",
      "signature_invalid",
      header("signature-input", (value) => value.replaceAll(/(?<=nonce=")[^"]+/g, letter)),
    ],
    [
      "the key's id",
      "key_unknown",
      header("signature-input", (value) => value.replaceAll(/(?<=keyid=")[^"]+/g, letter)),
    ],
    [
      "what is covered",
      "signature_malformed",
      header("signature-input", (value) => value.replaceAll('"content-digest" ', "")),
    ],
  ];
  for (const [part, code, change] of cases) test(`changed on the way: ${part}`, () => refused(through(change), code));

  test("an answer to another question", async () => {
    let kept: Answer | undefined;
    await through((answer) => (kept = { ...answer, headers: new Headers(answer.headers) }));
    await refused(
      through(() => kept!),
      "signature_invalid",
    );
  });

  test("an answer without a signature is an outage", async () => {
    const unsigned = (answer: Answer): Answer => {
      answer.headers.delete("signature");
      answer.headers.delete("signature-input");
      return answer;
    };
    await refused(through(unsigned), "answer_unsigned");
    await refused(
      through((answer) => unsigned({ ...answer, status: 503 })),
      "answer_unsigned",
    );
    await refused(createClient({ url, registry: "nobody", trustFirst: true, attempts: 1 }).state(), "answer_unsigned");
  });

  test("an answer from another time is refused", async () => {
    for (const hours of [-2, 2]) {
      const now = () => Date.now() + hours * 3_600_000;
      await refused(createClient({ url, genesis, now }).state(), "answer_expired", `${hours} hours`);
    }
  });
}
