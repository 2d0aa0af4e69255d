import { execFileSync } from "node:child_process";
import { Console } from "node:console";
import { Session } from "node:inspector/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { format, inspect } from "node:util";
import { expect, test } from "vitest";
import { toBase64, toHex, utf8 } from "../../../src/core/bytes.ts";
import { sha256 } from "../../../src/core/hash.ts";
import { Secret } from "../../../src/core/secret.ts";

const bytes = sha256(utf8("secret.test"));
const text = toHex(bytes);
const secrets = [new Secret(text), new Secret(bytes), new Secret({ text })];

/** Everything that a console made of these would write. */
function consoleOutput(...values: unknown[]): string {
  const written: string[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      written.push(String(chunk));
      done();
    },
  });
  const output = new Console(stream, stream);
  output.log(...values);
  output.error("%s %o %O %j", ...values);
  output.dir(values, { depth: 9, showHidden: true });
  output.table(values);
  return written.join("");
}

test("reveal gives the value itself", () => {
  expect(secrets.map((secret) => secret.reveal())).toEqual([text, bytes, { text }]);
});

test.each<[string, (secret: Secret<unknown>) => unknown]>([
  ["toString", (secret) => secret.toString()],
  ["String", String],
  ["a template", (secret) => `key=${secret}`],
  ["concat", (secret) => "key=".concat(secret as unknown as string)],
  ["a property key", (secret) => Object.keys({ [secret as unknown as string]: 1 })[0]],
  ["join", (secret) => [secret, secret].join()],
  ["JSON", (secret) => JSON.stringify({ nested: [secret] })],
  ["Node's inspect", (secret) => inspect({ nested: { secret } }, { depth: 9, showHidden: true })],
  ["Node's format", (secret) => format("%s %o %O %j", secret, secret, secret, secret)],
  ["an error's message", (secret) => new Error(`no ${secret}`).stack],
  ["an error's cause", (secret) => inspect(new Error("no", { cause: secret }))],
])("%s shows that there is a secret, and nothing of it", (_, show) => {
  for (const secret of secrets) {
    const shown = String(show(secret));
    expect(shown).toContain("[secret]");
    expectNothing(shown);
  }
});

test("a console shows nothing of it", () => {
  for (const secret of secrets) {
    const shown = consoleOutput(secret, { secret }, [secret], new Map([["key", secret]]));
    expect(shown).toContain("[secret]");
    expectNothing(shown);
  }
});

test("Bun, which runs the command line, shows nothing of it either", () => {
  const root = join(import.meta.dirname, "../../..");
  const script = `
    const { Secret } = await import("./src/core/secret.ts");
    const secret = new Secret(Buffer.from("secret.test"));
    console.log(secret, { secret }, [secret], \`\${secret}\`, JSON.stringify({ secret }));
    console.table([{ secret }]);
    console.log(Bun.inspect({ secret }, { depth: 9 }));
  `;
  const shown = execFileSync(join(root, "node_modules/.bin/bun"), ["-e", script], { cwd: root, encoding: "utf8" });
  expect(shown.match(/\[secret\]/g)?.length).toBe(7);
  expect(shown).not.toMatch(/secret\.test|73,? ?65|115,/);
});

test("V8's inspector, which browsers show their console by, finds nothing in it", async () => {
  const session = new Session();
  session.connect();
  try {
    for (const secret of secrets) {
      Object.assign(globalThis, { shownSecret: secret });
      const { result } = await session.post("Runtime.evaluate", { expression: "shownSecret", generatePreview: true });
      const found = await session.post("Runtime.getProperties", { objectId: result.objectId!, ownProperties: true });
      // The declarations lack what the protocol has.
      const { privateProperties = [] } = found as { privateProperties?: object[] };
      expect(result.className).toBe("Secret");
      expect([result.preview?.properties, privateProperties]).toEqual([[], []]);
    }
  } finally {
    session.disconnect();
    Reflect.deleteProperty(globalThis, "shownSecret");
  }
});

test("it has no property that holds the value", () => {
  for (const secret of secrets) {
    expect(Reflect.ownKeys(secret)).toEqual([]);
    expect(Object.entries(secret)).toEqual([]);
    expect({ ...secret }).toEqual({});
    expect(structuredClone(secret)).toEqual({});
  }
});

test("as a number it is none", () => {
  expect(Number(secrets[0])).toBeNaN();
});

function expectNothing(shown: string): void {
  for (const form of [text, text.slice(0, 16), toBase64(bytes), bytes.join(), bytes.slice(0, 4).join(", ")]) {
    expect(shown).not.toContain(form);
  }
}
