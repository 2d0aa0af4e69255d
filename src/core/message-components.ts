/** What an HTTP signature covers: component identifiers, their values, and the signature base (RFC 9421 section 2). */

import { TesError } from "./errors.ts";
import {
  type BareItem,
  type InnerList,
  type Item,
  item,
  type Parameters,
  serializeInnerList,
  serializeItem,
} from "./structured-fields.ts";

/** Reads one header by its lower-case name: its values joined by ", ", or null when it was not sent. */
export type HeaderReader = (name: string) => string | null;

/** The parts of a request that signatures speak of. */
export interface HttpRequestParts {
  /** As it stood on the wire, case and all. */
  readonly method: string;
  /** Host and port as the client named them, without the scheme's default port. */
  readonly authority: string;
  /** Starting with a slash, percent-encoded. */
  readonly path: string;
  /** The raw query with its question mark, or "" when there is none. */
  readonly query: string;
  readonly header: HeaderReader;
  /** `http` or `https`. Only `@scheme` and `@target-uri` need it. */
  readonly scheme?: string;
}

/** The parts of a response that signatures speak of. */
export interface HttpResponseParts {
  readonly status: number;
  readonly header: HeaderReader;
}

/** A request by itself, or a response with the request that it answers. */
export interface SignedMessage {
  readonly response?: HttpResponseParts;
  readonly request?: HttpRequestParts;
}

const malformed = (detail: string): TesError => new TesError("signature_malformed", { detail });

const BOUND: Parameters = new Map<string, BareItem>([["req", true]]);

/** A component identifier; `bound` adds `;req`, which takes it from the request that a response answers. */
export function component(name: string, bound = false): Item {
  return item(name, bound ? BOUND : new Map());
}

/**
 * The parts of a request from its URL, which brings authority, path and query into the form that RFC 9421 section 2.2
 * asks for: lower-case host, no default port, a path of at least a slash.
 *
 * @example
 * requestParts("GET", new URL("https://Example.com:443/v1/default"), () => null).authority; // "example.com"
 */
export function requestParts(method: string, url: URL, header: HeaderReader): HttpRequestParts {
  const scheme = url.protocol.slice(0, -1);
  return { method, authority: url.host, path: url.pathname, query: url.search, scheme, header };
}

/**
 * The value of a header as it gets signed (RFC 9421 section 2.1). Characters past ASCII stay as they are, so that an
 * error answer to a request that sent them can be signed too; a line break would forge further lines of the base.
 */
function headerValue(name: string, header: HeaderReader): string {
  const value = header(name);
  if (value === null) throw malformed(`The header ${name} is covered and was not sent.`);
  if (/[\r\n\0]/.test(value)) throw malformed(`The header ${name} holds a line break.`);
  return value.replace(/^[ \t]+|[ \t]+$/g, "");
}

/** RFC 9421 section 2.2.8: percent-encoded as a form would be, but for the space, which is %20. */
function formEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function queryParameter({ query }: HttpRequestParts, name: BareItem | undefined): string {
  if (typeof name !== "string") throw malformed("@query-param needs the parameter name.");
  const values: string[] = [];
  for (const [key, value] of new URLSearchParams(query)) if (formEncode(key) === name) values.push(value);
  // Twice: no order of its values could be agreed on, and section 2.2.8 forbids covering it.
  if (values.length !== 1) throw malformed("@query-param names a parameter that does not stand exactly once.");
  return formEncode(values[0]!);
}

/** Derived components of a request (RFC 9421 section 2.2). */
const DERIVED: Readonly<Record<string, (request: HttpRequestParts, params: Parameters) => string>> = {
  "@method": ({ method }) => method,
  "@authority": ({ authority }) => authority.toLowerCase(),
  "@path": ({ path }) => path || "/",
  "@query": ({ query }) => query || "?",
  "@query-param": (request, params) => queryParameter(request, params.get("name")),
  "@scheme": (request) => schemeOf(request),
  "@request-target": ({ path, query }) => (path || "/") + query,
  "@target-uri": (request) =>
    `${schemeOf(request)}://${request.authority.toLowerCase()}${request.path || "/"}${request.query}`,
};

function schemeOf({ scheme }: HttpRequestParts): string {
  if (scheme === undefined) throw malformed("@scheme and @target-uri need the scheme of the request.");
  return scheme.toLowerCase();
}

/**
 * The value of one component.
 *
 * @throws {TesError} `signature_malformed` when the message lacks it, or the identifier has a parameter other than
 *   `req` and `@query-param`'s `name` (`sf`, `bs`, `key` and `tr` change what a value means, so they are not ignored)
 */
export function componentValue({ value: name, params }: Item, { request, response }: SignedMessage): string {
  if (typeof name !== "string") throw malformed("A component identifier is a string.");
  for (const param of params.keys()) {
    if (param !== "req" && !(param === "name" && name === "@query-param")) {
      throw malformed("A component identifier has a parameter that is not supported.");
    }
  }
  const bound = params.get("req") === true;
  if (bound && response === undefined) throw malformed("Only a response is bound to a request.");
  const subject = response !== undefined && !bound ? response : request;
  if (subject === undefined) throw malformed("The request that this component speaks of is not there.");
  if (!name.startsWith("@")) {
    if (!/^[a-z0-9!#$%&'*+\-.^_`|~]+$/.test(name))
      throw malformed("A component identifier is not a lower-case field name.");
    return headerValue(name, subject.header);
  }
  let value: string;
  if ("status" in subject) {
    if (name !== "@status") throw malformed("This component is derived from requests only.");
    value = String(subject.status);
  } else {
    const derive = Object.hasOwn(DERIVED, name) ? DERIVED[name] : undefined;
    if (derive === undefined) throw malformed("A derived component is unknown, or not one of requests.");
    value = derive(subject, params);
  }
  if (/[\r\n\0]/.test(value)) throw malformed("A derived component holds a line break.");
  return value;
}

/** The lines of the base for components whose identifiers are already serialized. */
export function componentLines(
  identifiers: readonly string[],
  components: readonly Item[],
  message: SignedMessage,
): string {
  let lines = "";
  for (let i = 0; i < components.length; i++) {
    lines += `${identifiers[i]}: ${componentValue(components[i]!, message)}\n`;
  }
  return lines;
}

/**
 * The signature base (RFC 9421 section 2.5).
 *
 * @throws {TesError} `signature_malformed` when a component stands twice or the message does not have it
 * @example
 * signatureBase([component("@method")], new Map([["created", 1]]), { request });
 * // '"@method": GET\n"@signature-params": ("@method");created=1'
 */
export function signatureBase(components: readonly Item[], params: Parameters, message: SignedMessage): string {
  const identifiers = components.map(serializeItem);
  if (new Set(identifiers).size !== identifiers.length) throw malformed("A component is covered twice.");
  const input: InnerList = { items: components, params };
  return `${componentLines(identifiers, components, message)}"@signature-params": ${serializeInnerList(input)}`;
}
