import { describe, expect, test } from "vitest";
import { type Bytes, fromBase64, fromBase64Url, utf8 } from "../../../src/core/bytes.ts";
import { importEd25519Public, importEd25519Seed } from "../../../src/core/keys.ts";
import {
  component,
  componentValue,
  type HttpRequestParts,
  requestParts,
  type SignedMessage,
  signatureBase,
} from "../../../src/core/message-components.ts";
import { Secret } from "../../../src/core/secret.ts";
import {
  type InnerList,
  type Item,
  item,
  type Parameters,
  parseDictionary,
  parseItem,
} from "../../../src/core/structured-fields.ts";
import vectors from "../../vectors/rfc9421.json";
import { refusalOf } from "./refusal.ts";

const headers =
  (values: Readonly<Record<string, string>>) =>
  (name: string): string | null =>
    values[name] ?? null;

const REQUEST: HttpRequestParts = {
  method: vectors.request.method,
  authority: vectors.request.headers.host,
  path: vectors.request.path,
  query: vectors.request.query,
  header: headers(vectors.request.headers),
  scheme: "https",
};
const RESPONSE = { status: vectors.response.status, header: headers(vectors.response.headers) };

const inputOf = (field: string, label: string) => parseDictionary(field).get(label) as InnerList;
const signatureOf = (field: string, label: string) => (parseDictionary(field).get(label) as Item).value as Bytes;

/** How each key of appendix B.1 is imported. */
async function publicKey(keyid: string): Promise<[CryptoKey, AlgorithmIdentifier | RsaPssParams | EcdsaParams]> {
  const { rsaPss, p256, ed25519, hmac } = vectors.keys;
  const subtle = crypto.subtle;
  switch (keyid) {
    case "test-key-rsa-pss":
      return [
        await subtle.importKey("jwk", rsaPss, { name: "RSA-PSS", hash: "SHA-512" }, false, ["verify"]),
        { name: "RSA-PSS", saltLength: 64 },
      ];
    case "test-key-ecc-p256":
      return [
        await subtle.importKey("jwk", p256, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]),
        { name: "ECDSA", hash: "SHA-256" },
      ];
    case "test-key-ed25519":
      return [await importEd25519Public(ed25519.x), "Ed25519"];
    default:
      return [
        await subtle.importKey("raw", fromBase64(hmac)!, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]),
        "HMAC",
      ];
  }
}

describe("RFC 9421 appendix B.2", () => {
  test.each(vectors.cases)("$name has this base, and its signature holds over it", async (vector) => {
    const { items, params } = inputOf(vector.signatureInput, vector.label);
    // B.2.4 is the one over a response.
    const message = vector.name === "B.2.4" ? { response: RESPONSE } : { request: REQUEST };
    const base = signatureBase(items, params, message);
    expect(base).toBe(vector.base);
    const [key, algorithm] = await publicKey(params.get("keyid") as string);
    const signature = signatureOf(vector.signature, vector.label);
    expect(await crypto.subtle.verify(algorithm, key, signature, utf8(base))).toBe(true);
    expect(await crypto.subtle.verify(algorithm, key, signature, utf8(`${base} `))).toBe(false);
  });

  test("B.2.5 and B.2.6 are what our own keys of these algorithms make", async () => {
    const [hmac] = await publicKey("test-shared-secret");
    const ed25519 = await importEd25519Seed(new Secret(fromBase64Url(vectors.keys.ed25519.seed)!));
    expect(ed25519.x).toBe(vectors.keys.ed25519.x);
    for (const [name, algorithm, key] of [
      ["B.2.5", "HMAC", hmac],
      ["B.2.6", "Ed25519", ed25519.privateKey],
    ] as const) {
      const vector = vectors.cases.find((one) => one.name === name)!;
      const made = await crypto.subtle.sign(algorithm, key, utf8(vector.base));
      expect(new Uint8Array(made)).toEqual(signatureOf(vector.signature, vector.label));
    }
  });

  test("section 2.4: a response bound to its request", async () => {
    const { label, status, signatureInput, signature, base, ...rest } = vectors.bound;
    const { items, params } = inputOf(signatureInput, label);
    const message = { request: REQUEST, response: { status, header: headers(rest.headers) } };
    expect(signatureBase(items, params, message)).toBe(base);
    const [key, algorithm] = await publicKey("test-key-ecc-p256");
    expect(await crypto.subtle.verify(algorithm, key, signatureOf(signature, label), utf8(base))).toBe(true);
  });
});

/** The value of a component identifier as it stands in a Signature-Input. */
const valueIn = (identifier: string, message: SignedMessage) => componentValue(parseItem(identifier), message);
const asked = (url: string, method = "GET", sent: Record<string, string> = {}) => ({
  request: requestParts(method, new URL(url), headers(sent)),
});

describe("derived components (RFC 9421 section 2.2)", () => {
  const url = "https://www.example.com/path?param=value";
  test.each([
    ["@method", asked(url, "POST"), "POST"],
    ["@method", { request: { ...REQUEST, method: "get" } }, "get"],
    ["@target-uri", asked(url), "https://www.example.com/path?param=value"],
    ["@authority", asked(url), "www.example.com"],
    ["@authority", asked("https://WWW.Example.com:443/"), "www.example.com"],
    ["@authority", asked("http://example.com:80/"), "example.com"],
    ["@authority", asked("http://example.com:8080/"), "example.com:8080"],
    ["@authority", { request: { ...REQUEST, authority: "Example.COM" } }, "example.com"],
    ["@scheme", asked("http://www.example.com/"), "http"],
    ["@scheme", { request: { ...REQUEST, scheme: "HTTPS" } }, "https"],
    ["@request-target", asked(url), "/path?param=value"],
    ["@request-target", { request: { ...REQUEST, path: "", query: "" } }, "/"],
    ["@path", asked(url), "/path"],
    ["@path", asked("https://www.example.com"), "/"],
    ["@path", { request: { ...REQUEST, path: "" } }, "/"],
    ["@path", asked("https://www.example.com/a%20b/%C3%A9"), "/a%20b/%C3%A9"],
    ["@query", asked(`${url}&foo=bar&baz=bat%2Dman`), "?param=value&foo=bar&baz=bat%2Dman"],
    ["@query", asked("https://www.example.com/path?queryString"), "?queryString"],
    ["@query", asked("https://www.example.com/path"), "?"],
    ["@query", asked("https://www.example.com/path?"), "?"],
    ["@status", { response: { status: 200, header: () => null } }, "200"],
  ])("%s of case %# is %s", (name, message, expected) => {
    expect(componentValue(item(name), message as SignedMessage)).toBe(expected);
  });

  test("@target-uri is the whole URI, an empty path included as the slash it stands for", () => {
    expect(valueIn('"@target-uri"', asked("https://www.example.com"))).toBe("https://www.example.com/");
    expect(valueIn('"@target-uri"', { request: { ...REQUEST, path: "", query: "" } })).toBe("https://example.com/");
  });

  test.each([
    ["var", "this%20is%20a%20big%0Amultiline%20value"],
    ["bar", "with%20plus%20whitespace"],
    ["fa%C3%A7ade%22%3A%20", "something"],
    ["empty", ""],
  ])("@query-param %s is encoded anew", (name, expected) => {
    const query =
      "var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something&empty=";
    const message = asked(`https://www.example.com/parameters?${query}`);
    expect(valueIn(`"@query-param";name="${name}"`, message)).toBe(expected);
  });
});

describe("fields (RFC 9421 section 2.1)", () => {
  const message = asked("https://a.test/", "GET", {
    "x-ows": " \t Leading and trailing whitespace. \t",
    "x-empty": "",
  });
  test("lose the white space around them, and may be empty", () => {
    expect(valueIn('"x-ows"', message)).toBe("Leading and trailing whitespace.");
    expect(valueIn('"x-empty"', message)).toBe("");
  });

  test("are the request's own with req, the response's without", () => {
    const both = {
      ...asked("https://a.test/", "GET", { a: "1" }),
      response: { status: 200, header: headers({ a: "2" }) },
    };
    expect(valueIn('"a";req', both)).toBe("1");
    expect(valueIn('"a"', both)).toBe("2");
    expect(valueIn('"@method";req', both)).toBe("GET");
  });
});

describe("refused", () => {
  const request = asked("https://a.test/?a=1&a=2&b=3", "GET", { a: "1", broken: "1\n2", nul: "a\0b" });
  const response = { response: { status: 200, header: headers({ a: "1" }) } };
  test.each<[string, Item, SignedMessage]>([
    ["a header that was not sent", item("date"), request],
    ["a header with a line break", item("broken"), request],
    ["a header with NUL", item("nul"), request],
    ["a name in capitals", item("Date"), request],
    ["a name that is no field name", item("a b"), request],
    ["an empty name", item(""), request],
    ["a name that is no string", item(1), request],
    ["an unknown derived component", item("@trailers"), request],
    ["a name of every object", item("@constructor"), request],
    ["the signature parameters themselves", item("@signature-params"), request],
    ["@status of a request", item("@status"), request],
    ["@method of a response", item("@method"), response],
    ["a request's component without the request", component("@method", true), response],
    ["req without a response", component("a", true), request],
    ["a response's component without the response", component("@status"), {}],
    ["@query-param without a name", item("@query-param"), request],
    ["@query-param that is not there", parseItem('"@query-param";name="c"'), request],
    ["@query-param that stands twice", parseItem('"@query-param";name="a"'), request],
    ["name on another component", parseItem('"@method";name="a"'), request],
    ["sf", parseItem('"a";sf'), request],
    ["bs", parseItem('"a";bs'), request],
    ["key", parseItem('"a";key="x"'), request],
    ["tr", parseItem('"a";tr'), request],
    ["@scheme without one", item("@scheme"), { request: { ...REQUEST, scheme: undefined } as never }],
    ["@target-uri without a scheme", item("@target-uri"), { request: { ...REQUEST, scheme: undefined } as never }],
    ["a path with a line break", item("@path"), { request: { ...REQUEST, path: "/a\n" } }],
    ["a method with a line break", item("@method"), { request: { ...REQUEST, method: "GET\r" } }],
  ])("%s", (_, identifier, message) => {
    expect(refusalOf(() => componentValue(identifier, message))).toBe("signature_malformed");
  });

  test("a component that stands twice, even where its parameter is only spelt out", () => {
    const params: Parameters = new Map([["created", 1]]);
    const base = (...items: Item[]) => refusalOf(() => signatureBase(items, params, request));
    expect(base(item("a"), item("@method"))).toBe("accepted");
    expect(base(item("a"), item("a"))).toBe("signature_malformed");
    expect(base(component("a"), parseItem('"a"'))).toBe("signature_malformed");
  });
});

test("a base without components is its parameters alone", () => {
  expect(signatureBase([], new Map(), {})).toBe('"@signature-params": ()');
});
