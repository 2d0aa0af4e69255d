/** Where the page is, in the part of its address that no server sees: `#/registry/tab/rest`. */

export const TABS = ["entities", "history", "releases", "keys", "guards", "metrics"] as const;
export type Tab = (typeof TABS)[number];

export interface Route {
  readonly registry: string;
  readonly tab: Tab;
  /** What was chosen in the tab: an entity, a release, a pair of positions. */
  readonly rest: readonly string[];
}

export interface Address {
  readonly route: Route;
  /** A genesis hash that the address pins. */
  readonly pin: string | undefined;
}

const DEFAULT_REGISTRY = "default";
const REGISTRY = /^[a-z0-9][a-z0-9-]{0,62}$/;
const PIN = /^[0-9a-f]{64}$/;

/**
 * Reads a hash. Whatever it holds comes from a link that anyone may have written: what is no registry, tab or pin is
 * passed over.
 *
 * @example
 * parseAddress("#/default/entities/global:main").route.rest; // ["global:main"]
 */
export function parseAddress(hash: string): Address {
  const text = hash.replace(/^#/, "");
  const [path = "", query = ""] = text.startsWith("/") ? text.split("?", 2) : ["", text];
  const pin = new URLSearchParams(query).get("pin") ?? undefined;
  const [registry = "", tab = "", ...rest] = path.split("/").slice(1).map(decode);
  return {
    route: {
      registry: REGISTRY.test(registry) ? registry : DEFAULT_REGISTRY,
      tab: TABS.find((known) => known === tab) ?? "entities",
      rest: rest.filter((part) => part !== ""),
    },
    pin: pin !== undefined && PIN.test(pin) ? pin : undefined,
  };
}

/** The hash of a route. */
export function addressOf(registry: string, tab: Tab, ...rest: readonly (string | number)[]): string {
  return `#/${[registry, tab, ...rest].map((part) => encodeURIComponent(part).replaceAll("%3A", ":")).join("/")}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}
