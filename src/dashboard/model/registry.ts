/** One registry as this page knows it: what was answered, what was proved, what was refused, and what comes in. */

import type {
  EntityView,
  Provenance,
  StateAnswer,
  Statement,
  TesClient,
  Trust,
  VerifiedResponse,
  Watched,
} from "../../client/index.ts";
import { type ErrorCode, type Pin, TesError } from "../../client/index.ts";
import { type Handover, handoverOf, type Noted } from "./handover.ts";
import { movedBy } from "./moved.ts";
import { createProofs, type Proof, type Proofs } from "./proofs.ts";
import { asTesError, findingOf } from "./verdict.ts";
import { versionIn } from "./words.ts";

export type Link = "opening" | "live" | "waiting" | "stopped";

/** A refusal or an outage, kept. */
export interface Incident {
  readonly error: TesError;
  readonly what: string;
  readonly at: number;
}

/** How an answer was signed, from the last one. */
export interface Signing {
  readonly provenance: Provenance;
  readonly keyid: string;
  readonly at: number;
}

export interface RegistryOptions {
  readonly name: string;
  readonly client: TesClient;
  /** The same as nobody in particular: a session without the scope `watch` follows a public log like anyone. */
  readonly anyone: TesClient;
  readonly now: () => number;
  /** The page's refusals by registry key (origin and name): they outlast this object, and only a reload clears them. */
  readonly refusals: Map<string, Incident>;
  readonly key: string;
  /** Scheme, host and port of this page. */
  readonly here: string;
  /** What this browser remembered before anything was asked. */
  readonly pinned: () => Promise<Pin | undefined>;
  /** Which changes of keys a person took note of. */
  readonly noted: Noted;
  /** False for a session that lacks the scope `watch`: it asks for no ticket, and is no less a session for that. */
  readonly mayWatch: () => boolean;
}

/** Statements that are shown at once when the page opens, and that stay in the feed. */
const RECENT = 40;
const MAX_FEED = 400;
const MAX_INCIDENTS = 50;

/** What is found where other keys sign, or a log was set back: a restore or a move that holds explains it. */
const OTHER_KEYS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "checkpoint_inconsistent",
  "checkpoint_stale",
  "key_unknown",
  "note_invalid",
]);

/** Tells `change` after everything that changes what it shows, and `restored` once: what is here is of a log that is gone. */
export class Registry extends EventTarget {
  readonly name: string;
  readonly client: TesClient;
  readonly proofs: Proofs;
  readonly now: () => number;

  trust: Trust | undefined;
  state: StateAnswer | undefined;
  entities: ReadonlyMap<string, EntityView> = new Map();
  signing: Signing | undefined;
  /** Statements in the log, as far as this page has proved. */
  size = 0;
  link: Link = "opening";
  retryAt: number | undefined;
  /** When something was last proved. */
  provedAt: number | undefined;
  /** Newest first. */
  feed: readonly Watched[] = [];
  incidents: readonly Incident[] = [];
  /** Who is signed in may read and not follow: what is shown was read once, and no feed moves it on. */
  blind = false;
  /** Why there is nothing to show. */
  failure: TesError | undefined;

  /** Who follows the log. */
  #follower: TesClient;
  readonly #anyone: TesClient;
  readonly #refusals: Map<string, Incident>;
  readonly #key: string;
  readonly #mayWatch: () => boolean;
  readonly #here: string;
  readonly #pinned: () => Promise<Pin | undefined>;
  readonly #noted: Noted;
  /** The log that is shown here was given up for another. */
  #over = false;
  #stop: AbortController | undefined;
  /** Statements from here on are not in the state that was answered: they move it. */
  #applied = 0;
  #told = false;

  constructor({ name, client, anyone, now, refusals, key, here, pinned, noted, mayWatch }: RegistryOptions) {
    super();
    this.#here = here;
    this.#pinned = pinned;
    this.#noted = noted;
    this.#refusals = refusals;
    this.#key = key;
    this.#mayWatch = mayWatch;
    if (this.refusal !== undefined) this.incidents = [this.refusal];
    this.name = name;
    this.client = client;
    this.#follower = client;
    this.#anyone = anyone;
    this.now = now;
    const failed = (thrown: unknown, seq: number): void => this.failed(thrown, `statement ${seq}`);
    this.proofs = createProofs(
      () => client,
      now,
      () => this.tell(),
      failed,
    );
  }

  /** What was refused first, while this page is open. It stays: nothing that comes later makes it good. */
  get refusal(): Incident | undefined {
    return this.#refusals.get(this.#key);
  }

  /** A restore or a move that was verified here, and of which nobody here took note yet. */
  get handover(): Handover | undefined {
    return this.trust && handoverOf(this.trust, this.#noted.get() ?? 0, this.#here);
  }

  /** A person has read it. */
  takeNote(): void {
    if (this.trust !== undefined) this.#noted.set(this.trust.announced);
    this.tell();
  }

  /** Reads the state and follows the log, until {@link close}. */
  async open(): Promise<void> {
    this.#stop?.abort();
    const stop = new AbortController();
    this.#stop = stop;
    this.#follower = this.client;
    this.blind = false;
    try {
      const before = await this.#pinned();
      const trust = await this.client.trust();
      if (this.trust === undefined) {
        if (this.#noted.get() === undefined)
          this.#noted.set(before === undefined ? trust.announced : (before.announced ?? 0));
        this.trust = trust;
      } else if (await this.#learn()) return;
      await this.refresh();
      this.failure = undefined;
    } catch (thrown) {
      if (stop.signal.aborted) return;
      this.failure = asTesError(thrown);
      this.link = findingOf(this.failure) === "outage" ? "waiting" : "stopped";
      this.failed(thrown, "the registry's keys and state");
      if (this.link === "waiting") this.#retry(stop.signal);
      return;
    }
    if (!stop.signal.aborted) await this.#follow(stop.signal);
  }

  close(): void {
    this.#stop?.abort();
    this.#stop = undefined;
  }

  /** The network is gone, before any connection has found out. */
  lost(): void {
    if (this.link === "live") this.link = "waiting";
    this.retryAt = undefined;
    this.tell();
  }

  /** The whole state again. */
  async refresh(): Promise<void> {
    const state = await this.client.state();
    this.state = state;
    this.entities = new Map(state.entities.map((entity) => [entity.entity, entity]));
    this.#applied = state.size;
    this.size = Math.max(this.size, state.size);
    this.#proved();
  }

  /** The client tells of every answer whose signature held. */
  answered({ provenance, signature }: VerifiedResponse): void {
    this.signing = { provenance, keyid: signature.keyid, at: this.now() };
    void this.#learn();
    this.#proved();
  }

  /** Keeps a failure where it is seen. What a restore explains, which was verified since, is none. */
  failed(thrown: unknown, what: string): void {
    const error = asTesError(thrown);
    if (this.trust === undefined || !OTHER_KEYS.has(error.code)) this.#keep(error, what);
    else void this.#learn().then((restored) => restored || this.#keep(error, what));
  }

  #keep(error: TesError, what: string): void {
    const finding = findingOf(error);
    if (this.#over || (finding !== "refused" && finding !== "outage")) return;
    const incident = { error, what, at: this.now() };
    this.incidents = [incident, ...this.incidents].slice(0, MAX_INCIDENTS);
    if (finding === "refused" && this.refusal === undefined) this.#refusals.set(this.#key, incident);
    this.tell();
  }

  /** What the badge of an entity shows: whether the log's own statement gives it this version. */
  verdictOf(entity: EntityView): Proof {
    const proof = this.proofs.of(entity.seq);
    if (proof.standing !== "proven" || proof.statement === undefined) return proof;
    const said = versionIn(proof.statement, entity.entity);
    return said === undefined || said === entity.version ? proof : { ...proof, standing: "refused" };
  }

  /** Statements of the log from an index on, proved, oldest first. */
  async read(from: number, count: number): Promise<Watched[]> {
    const stop = new AbortController();
    const end = Math.min(from + count, this.size);
    const found: Watched[] = [];
    try {
      for await (const one of this.#follower.watch({
        since: from,
        signal: stop.signal,
        onConnection: (connection) => {
          if (connection.state === "waiting") stop.abort(connection.error);
        },
      })) {
        found.push(one);
        this.#note(one);
        if (one.index + 1 >= end) break;
      }
    } catch (thrown) {
      this.failed(thrown, `statements from ${from}`);
      if (this.blind) throw new TesError("forbidden", { detail: "The log is followed with the scope watch." });
      throw thrown;
    }
    stop.abort();
    if (found.length === 0 && end > from && stop.signal.reason instanceof Error && "code" in stop.signal.reason) {
      throw stop.signal.reason;
    }
    return found;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const since = this.#resume();
    try {
      const watched = this.#follower.watch({
        since,
        signal,
        onConnection: (connection) => {
          this.link = connection.state === "connected" ? "live" : "waiting";
          this.retryAt = connection.state === "waiting" ? this.now() + connection.inMs : undefined;
          if (connection.state === "waiting") this.failed(connection.error, "the live feed");
          else {
            void this.#learn();
            this.proofs.retry();
          }
          this.tell();
        },
      });
      for await (const one of watched) this.#take(one);
    } catch (thrown) {
      if (signal.aborted) return;
      if (asTesError(thrown).code === "forbidden" && this.#follower !== this.#anyone) {
        this.#follower = this.#anyone;
        return this.#follow(signal);
      }
      if (findingOf(asTesError(thrown)) === "refused" && (await this.#explained())) return;
      this.link = "stopped";
      this.blind = !this.#mayWatch() && asTesError(thrown).code === "token_missing";
      this.failed(thrown, "the live feed");
      if (!this.blind) this.dispatchEvent(new CustomEvent("stopped", { detail: asTesError(thrown) }));
      this.tell();
    }
  }

  /** Whether a chain of keys that leads further, and holds, explains why the log could not be followed. */
  async #explained(): Promise<boolean> {
    try {
      await this.client.keys();
    } catch (thrown) {
      // It claims to, and does not hold: that is the finding which tells most, and comes first.
      this.failed(thrown, "the chain of keys");
      return false;
    }
    return this.#learn();
  }

  /**
   * Notices that the client has followed the chain of keys further: who asks for anything does so by itself.
   *
   * @returns whether the log was restored: then nothing here is of the log that goes on
   */
  async #learn(): Promise<boolean> {
    if (this.trust === undefined || this.#over) return this.#over;
    const known = this.trust;
    const all = await Promise.all([this.client, this.#follower].map((one) => one.trust().catch(() => known)));
    const trust = all.reduce((further, one) => (one.announced > further.announced ? one : further), known);
    if (this.#over || trust.announced <= this.trust.announced) return this.#over;
    this.trust = trust;
    this.#over = trust.epoch > known.epoch;
    if (this.#over) {
      this.close();
      this.dispatchEvent(new Event("restored"));
    }
    this.tell();
    return this.#over;
  }

  /**
   * Where to go on: after what is in the feed, so that nothing that was written meanwhile is missing from it. At first,
   * and after so long that the feed would not hold it, the last few before now are where it begins: they come over the
   * same socket and are proved like those that are still to come.
   */
  #resume(): number {
    const newest = this.feed[0]?.index;
    if (newest !== undefined && this.size - newest <= MAX_FEED) return newest + 1;
    this.feed = [];
    return Math.max(0, this.size - RECENT);
  }

  #retry(signal: AbortSignal): void {
    const again = setTimeout(() => void this.open(), 2_000);
    signal.addEventListener("abort", () => clearTimeout(again));
    this.retryAt = this.now() + 2_000;
  }

  #take(one: Watched): void {
    this.#note(one);
    if ((this.feed[0]?.index ?? -1) < one.index) this.feed = [one, ...this.feed].slice(0, MAX_FEED);
    if (one.index >= this.#applied) {
      this.#applied = one.index + 1;
      this.size = Math.max(this.size, one.index + 1);
      this.#apply(one.statement);
      this.dispatchEvent(new CustomEvent("statement", { detail: one }));
    }
    this.#proved();
  }

  #note(one: Watched): void {
    this.proofs.note(one.index, { standing: "proven", statement: one.statement, at: this.now() });
  }

  /** A statement that was proved moves what is shown, without asking again. */
  #apply(statement: Statement | undefined): void {
    switch (statement?.type) {
      case undefined:
      case "registry.restored":
        // What it changes is not in it, or not known here.
        void this.refresh().catch((thrown) => this.failed(thrown, "the state"));
        break;
      case "registry.moved":
        // Which keys come next is in the chain, and shown once it is verified.
        void this.client
          .keys()
          .then(() => this.#learn())
          .catch((thrown) => this.failed(thrown, "the chain of keys"));
        break;
      default:
        if (statement !== undefined) this.entities = movedBy(this.entities, statement);
    }
  }

  #proved(): void {
    this.provedAt = this.now();
    this.tell();
  }

  /** Many changes in one turn are told once. */
  tell(): void {
    if (this.#told) return;
    this.#told = true;
    queueMicrotask(() => {
      this.#told = false;
      this.dispatchEvent(new Event("change"));
    });
  }
}
