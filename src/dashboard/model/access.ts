/** Who is signed in on this page. The token is exchanged at once and forgotten; what is kept is worth nothing elsewhere. */

import { createClient, type PinStore, TesError } from "../../client/index.ts";
import type { Trusting } from "./pins.ts";
import { asTesError, findingOf } from "./verdict.ts";

/** What the page knows of its session. */
export interface SignedIn {
  readonly csrf: string;
  /** Milliseconds. */
  readonly expires: number;
  readonly scope: readonly string[];
  readonly jti: string;
  readonly sub?: string | undefined;
}

export interface AccessOptions {
  readonly url: string;
  readonly registry: string;
  readonly storage: Storage;
  readonly store: PinStore;
  readonly trust: Trusting;
  readonly now: () => number;
}

const KEY = "tes-session:";
/** A page that is used gets more time this long before its session ends. */
const RENEW_BEFORE_MS = 3 * 60_000;

/** Tells `change` when somebody signed in or out, here or in another tab. */
export class Access extends EventTarget {
  readonly registry: string;
  readonly #options: AccessOptions;
  #text: string | null | undefined;
  #signed: SignedIn | undefined;

  constructor(options: AccessOptions) {
    super();
    this.registry = options.registry;
    this.#options = options;
  }

  /** Who is signed in, as far as this page knows. */
  get signed(): SignedIn | undefined {
    const text = this.#options.storage.getItem(KEY + this.registry);
    if (text !== this.#text) {
      this.#text = text;
      this.#signed = read(text);
    }
    const signed = this.#signed;
    return signed !== undefined && signed.expires > this.#options.now() ? signed : undefined;
  }

  /** Given to the client. */
  readonly csrf = (): string | undefined => this.signed?.csrf;

  allows(verb: string, entity?: string): boolean {
    return (
      this.signed?.scope.some((scope) => {
        if (scope === "admin" || scope === verb) return true;
        if (entity === undefined || !scope.startsWith(`${verb}:`)) return false;
        const [head = "", ...tail] = scope.slice(verb.length + 1).split("*");
        // A first look, so that no button is shown that cannot work. The authority decides.
        return tail.length === 0 ? head === entity : entity.startsWith(head) && entity.endsWith(tail.at(-1)!);
      }) ?? false
    );
  }

  /** @throws token_invalid and what the authority refuses with */
  async signIn(token: string): Promise<void> {
    const { url, store, trust } = this.#options;
    const client = createClient({ url, registry: this.registry, token: token.trim(), store, ...trust });
    this.#keep(await client.openSession());
  }

  /** Asks who is signed in, after a reload. What is over is forgotten. */
  async restore(): Promise<void> {
    if (this.signed === undefined) return;
    try {
      this.#keep(await this.#client().readSession());
    } catch (thrown) {
      if (findingOf(asTesError(thrown)) === "sign-in") this.forget();
    }
  }

  /** More time for a page that is in use. */
  async renewIfDue(): Promise<void> {
    const signed = this.signed;
    if (signed === undefined || signed.expires - this.#options.now() > RENEW_BEFORE_MS) return;
    try {
      this.#keep(await this.#client().renewSession());
    } catch (thrown) {
      if (findingOf(asTesError(thrown)) === "sign-in") this.forget();
    }
  }

  async signOut(): Promise<void> {
    const client = this.#client();
    try {
      await client.endSession();
    } finally {
      this.forget();
    }
  }

  forget(): void {
    this.#options.storage.removeItem(KEY + this.registry);
    this.dispatchEvent(new Event("change"));
  }

  /** Another tab signed in or out. */
  heard({ key }: StorageEvent): void {
    if (key === KEY + this.registry || key === null) this.dispatchEvent(new Event("change"));
  }

  #client() {
    const { url, store, trust } = this.#options;
    return createClient({ url, registry: this.registry, store, ...trust, session: { csrf: this.csrf } });
  }

  #keep({ csrf, expires, scope, jti, sub }: SignedIn): void {
    const signed: SignedIn = { csrf, expires, scope, jti, ...(sub === undefined ? {} : { sub }) };
    this.#options.storage.setItem(KEY + this.registry, JSON.stringify(signed));
    this.dispatchEvent(new Event("change"));
  }
}

function read(text: string | null): SignedIn | undefined {
  if (text === null) return undefined;
  try {
    const signed = JSON.parse(text) as SignedIn;
    const whole = typeof signed.csrf === "string" && typeof signed.expires === "number" && Array.isArray(signed.scope);
    if (!whole) throw new TesError("answer_malformed");
    return signed;
  } catch {
    return undefined;
  }
}
