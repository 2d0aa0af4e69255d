/** What concerns more than one registry of an authority: who was shown how much, what is listed, who founded what. */

import { type Answer, type Call, idempotencyOf, isRead, type JsonObject, type Statement, tell } from "./call.ts";
import { jcs, leafOf } from "./log.ts";
import type { RegistryModel } from "./rules.ts";

/** The registry that lists the others. */
const DEFAULT = "default";

/** When a registry began and ceased to be known, as far as clients can tell. */
interface Life {
  created: { invoked: number; ended: number };
  delisted: { invoked: number; ended: number };
}

const isAdmin = ({ token, registry }: Call): boolean =>
  token !== undefined && token.registry === registry && token.scope.includes("admin");

const isCreate = (call: Call): boolean => call.action.kind === "create";

export class Deployment {
  readonly #logs: ReadonlyMap<string, readonly Statement[]>;
  /** By when they were sent. */
  readonly calls: readonly Call[];
  readonly #byKey = new Map<string, Call[]>();
  readonly #shown = new Map<string, Map<Call, number>>();
  readonly #lives = new Map<string, Life>();
  /** The index of the statement that revoked a token, by registry and id. */
  readonly #revocations = new Map<string, number>();

  constructor(logs: ReadonlyMap<string, readonly Statement[]>, calls: readonly Call[]) {
    this.#logs = logs;
    this.calls = calls;
    for (const call of calls) {
      const key = idempotencyOf(call)?.key;
      if (key !== undefined) this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), call]);
      const { action, registry, invoked, ended = Number.POSITIVE_INFINITY, answer } = call;
      if (isCreate(call)) span(this.#life(registry).created, invoked, answer?.status === 201 ? ended : undefined);
      if (action.kind === "delist") {
        span(this.#life(action.name).delisted, invoked, answer?.status === 200 ? ended : undefined);
      }
    }
    for (const [registry, log] of logs) {
      for (const { type, token, seq } of log) {
        if (type === "token.revoked") this.#revocations.set(`${registry} ${String(token)}`, seq);
      }
    }
    for (const registry of logs.keys()) this.#shown.set(registry, this.#sweep(registry));
  }

  withKey(key: string): readonly Call[] {
    return this.#byKey.get(key) ?? [];
  }

  /** Who can have made a statement that has no key: a listing belongs to a creation, the genesis of default to nobody. */
  triesOf(registry: string, { type, name, by }: Statement): readonly Call[] {
    if (registry !== DEFAULT || type !== "registry.listed") return [];
    return this.calls.filter((call) => isCreate(call) && call.registry === name && call.token?.jti === by);
  }

  /** How large a registry's log was, as far as anybody had been shown, when a call was sent. */
  shownBefore(call: Call, registry: string): number {
    return this.#shown.get(registry)?.get(call) ?? 0;
  }

  /**
   * Whether an answer is one that the log has no place for: about a registry that is not there, or no more, or about its
   * founding.
   *
   * @throws when it cannot be so
   */
  settles(call: Call, answer: Answer): boolean {
    const { registry } = call;
    const refuse = (why: string) => new Error(`${tell(call)}: ${why}`);
    if (isCreate(call)) {
      const fault = this.#faultOfCreate(call, answer);
      if (fault !== undefined) throw refuse(fault);
      return true;
    }
    if (registry === DEFAULT) return false;
    const { created, delisted } = this.#life(registry);
    const { invoked, ended = 0 } = call;
    const mayBeGone = delisted.invoked < ended;
    if (answer.from === undefined && answer.status === 404 && answer.json.code === "registry_unknown") {
      if (created.ended >= invoked) return true;
      if (!mayBeGone) throw refuse("it was there");
      if (isAdmin(call) && !this.#isRevoked(call)) throw refuse("its own admins still see it");
      return true;
    }
    if (created.invoked > ended) throw refuse("nobody created it");
    if (answer.json.code === "registry_read_only") {
      if (!mayBeGone || isRead(call.action)) throw refuse("it takes writes");
      if (!isAdmin(call) && delisted.ended < invoked) throw refuse("only its own admins still see it");
      return true;
    }
    // An answer from memory may be a second old.
    if (delisted.ended > invoked || call.minSize !== undefined) return false;
    if (!isAdmin(call) || !isRead(call.action)) throw refuse("it was delisted");
    if (answer.from?.size !== this.#logs.get(registry)?.length) throw refuse("it was written to after it was delisted");
    return false;
  }

  /** @throws unless these are the first statement of a log, or a listing, as the creation of a registry makes them */
  checkFounding(model: RegistryModel, statements: readonly Statement[], tries: readonly Call[]): void {
    const [statement, more] = statements as [Statement, Statement?];
    const refuse = (why: string) => new Error(`${model.name}: ${jcs(statement)}: ${why}`);
    if (more !== undefined) throw refuse("a creation is one statement");
    if (statement.type === "registry.listed") {
      const { name, genesis } = statement as unknown as { name: string; genesis: string };
      const first = this.#logs.get(name)?.[0];
      if (first === undefined || leafOf(first).toString("hex") !== genesis) throw refuse("it has another genesis");
      if (this.#logs.get(DEFAULT)!.some((other) => other.seq < statement.seq && other.name === name)) {
        throw refuse("it was listed before");
      }
      return;
    }
    if (statement.type !== "registry.genesis" || model.size !== 0) throw refuse("no genesis");
    const [call] = tries;
    if (call === undefined) {
      if (model.name !== DEFAULT) throw refuse("nobody created it");
      return;
    }
    if (call.action.kind !== "create" || call.registry !== model.name) throw refuse("another request");
    const { visibility, recovery } = call.action.body;
    if (statement.visibility !== visibility || (statement.recovery as JsonObject).x !== recovery.x) {
      throw refuse(`asked for was ${jcs(call.action.body as never)}`);
    }
  }

  #life(registry: string): Life {
    let life = this.#lives.get(registry);
    if (life === undefined) {
      const never = () => ({ invoked: Number.POSITIVE_INFINITY, ended: Number.POSITIVE_INFINITY });
      life = { created: never(), delisted: never() };
      this.#lives.set(registry, life);
    }
    return life;
  }

  #isRevoked({ token }: Call): boolean {
    return this.#revocations.has(`${token!.registry} ${token!.jti}`);
  }

  /** For each call, the largest size that an answer had spoken of when it was sent. */
  #sweep(registry: string): Map<Call, number> {
    const moments = this.calls.flatMap((call) => [
      { time: call.invoked, call, isEnd: false },
      ...(call.ended === undefined ? [] : [{ time: call.ended, call, isEnd: true }]),
    ]);
    const shown = new Map<Call, number>();
    let size = 0;
    for (const { call, isEnd } of moments.sort((a, b) => a.time - b.time)) {
      if (!isEnd) shown.set(call, size);
      else size = Math.max(size, this.#shownBy(call, registry));
    }
    return shown;
  }

  #shownBy({ answer, action, registry: of }: Call, registry: string): number {
    if (answer?.from?.registry === registry) return answer.from.size;
    // Who is told that a registry is there is told that it is listed.
    if (registry !== DEFAULT || action.kind !== "create" || answer?.status !== 201) return 0;
    const listing = this.#logs.get(DEFAULT)?.find(({ type, name }) => type === "registry.listed" && name === of);
    return listing === undefined ? 0 : listing.seq + 1;
  }

  #faultOfCreate(call: Call, { status, json, from }: Answer): string | undefined {
    const { registry, token, invoked, ended = 0 } = call;
    const [genesis] = this.#logs.get(registry) ?? [];
    const isOwn =
      genesis !== undefined && (genesis.idempotency as JsonObject | undefined)?.key === idempotencyOf(call)?.key;
    const revoked = this.#revocations.get(`${DEFAULT} ${token?.jti}`);
    const { created, delisted } = this.#life(registry);
    if (status === 201) {
      const listing = this.#logs
        .get(DEFAULT)
        ?.find(({ type, name }) => type === "registry.listed" && name === registry);
      if (genesis === undefined || listing === undefined) return "it is in no log";
      const { receipt, genesis: hash } = json as { receipt: JsonObject; genesis: string };
      if (hash !== leafOf(genesis).toString("hex") || jcs(receipt.statement!) !== jcs(genesis))
        return "another genesis";
      if (revoked !== undefined && revoked < this.shownBefore(call, DEFAULT)) return "its token was revoked";
      if (from?.registry !== registry) return "it is signed by another";
      return delisted.ended < invoked ? "it was delisted" : undefined;
    }
    switch (json.code) {
      case "forbidden":
        return token?.scope.includes("admin") ? "its token is an admin's" : undefined;
      case "token_revoked":
        return revoked === undefined || this.#firstAfter(ended) <= revoked
          ? "its token was not revoked yet"
          : undefined;
      case "genesis_exists":
        if (isOwn) return "it is its own";
        return created.invoked < ended ? undefined : "nobody created it";
      case "registry_unknown":
        return delisted.invoked < ended ? undefined : "it was not delisted";
      default:
        return "no creation comes to that";
    }
  }

  /** The index in default's log of the first statement that was asked for only after a time. */
  #firstAfter(time: number): number {
    const log = this.#logs.get(DEFAULT) ?? [];
    const at = log.findIndex(({ idempotency }) => {
      const [first] = this.withKey(String((idempotency as JsonObject | undefined)?.key));
      return first !== undefined && first.invoked > time;
    });
    return at < 0 ? log.length : at;
  }
}

function span(life: { invoked: number; ended: number }, invoked: number, ended: number | undefined): void {
  life.invoked = Math.min(life.invoked, invoked);
  if (ended !== undefined) life.ended = Math.min(life.ended, ended);
}
