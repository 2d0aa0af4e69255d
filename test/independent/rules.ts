/**
 * A registry that does one thing at a time: what docs/formats.md and docs/answers.md say comes of each request, with
 * npm's own `semver` for the versions. Tests hold what a real authority did at once against it, so it shares no line
 * with src/.
 */

import semver from "semver";
import type { Action, BumpBody, Call, Declaration, JsonObject, Statement, Token } from "./call.ts";
import { isRead } from "./call.ts";
import { type Json, jcs, leafOf } from "./log.ts";

/** An entity as an answer shows it. */
export interface Row extends JsonObject {
  readonly entity: string;
  readonly version: string;
  readonly strategy: string;
  readonly parent: string | null;
  readonly files: readonly Json[];
  readonly seq: number;
  readonly at: number;
}

/** What a statement says beside who made it, when and where. */
export type Body = JsonObject & { readonly type: string };

/** What has to come of a request. */
export type Outcome =
  /** Refused with this code; `current` is the version that the answer has to name. */
  | { readonly code: string; readonly current?: string }
  /** Written, all at once. */
  | { readonly writes: readonly Body[]; readonly reason?: string }
  /** Nothing is written, and the answer is this. */
  | { readonly says: JsonObject }
  /** A token with these scopes. */
  | { readonly mints: readonly string[] };

class Refusal extends Error {
  readonly code: string;
  readonly current: string | undefined;

  constructor(code: string, current?: string) {
    super(code);
    this.code = code;
    this.current = current;
  }
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const isLive = (row: Row): boolean => row.retired !== true;

export class RegistryModel {
  readonly name: string;
  size = 0;
  #rows = new Map<string, Row>();
  /** Every row that an entity ever had, and what touched it, oldest first. */
  readonly #past = new Map<string, Row[]>();
  readonly #marks = new Map<string, JsonObject[]>();
  readonly #revoked = new Map<string, number>();
  readonly #listings = new Map<string, { genesis: string; at: number; delisted: boolean }>();
  #genesis: { visibility: string; origin: string; hash: string } | undefined;

  constructor(name: string) {
    this.name = name;
  }

  isRevoked(jti: string): boolean {
    return this.#revoked.has(jti);
  }

  /** Takes the next statement of the log as a fact. */
  fold(statement: Statement): void {
    if (statement.seq !== this.size) throw new Error(`statement ${statement.seq} stands at ${this.size}`);
    this.size++;
    const { seq, at } = statement;
    switch (statement.type) {
      case "registry.genesis": {
        const { visibility, origin } = statement as unknown as { visibility: string; origin: string };
        this.#genesis = { visibility, origin, hash: leafOf(statement).toString("hex") };
        break;
      }
      case "entity.declared": {
        const { entity, version, strategy, parent, files, metadata } = statement as unknown as Row;
        const labels = metadata === undefined ? {} : { metadata };
        this.#touch({ entity, version, strategy, parent, files, ...labels, seq, at }, statement);
        break;
      }
      case "version.bumped":
        for (const { entity, to } of statement.changes as unknown as readonly { entity: string; to: string }[]) {
          this.#touch({ ...this.#rows.get(entity)!, version: to, seq, at }, statement);
        }
        break;
      case "entity.retired":
        this.#touch({ ...this.#rows.get(statement.entity as string)!, retired: true, seq, at }, statement);
        break;
      case "token.revoked":
        // Forgotten by the first later one whose `at` is past its `exp`.
        for (const [jti, exp] of this.#revoked) if (exp * 1000 < at) this.#revoked.delete(jti);
        this.#revoked.set(statement.token as string, statement.exp as number);
        break;
      case "registry.listed":
        this.#listings.set(statement.name as string, { genesis: statement.genesis as string, at, delisted: false });
        break;
      case "registry.delisted":
        this.#listings.get(statement.name as string)!.delisted = true;
        break;
      default:
        throw new Error(`nobody asked for a statement of type ${statement.type}`);
    }
  }

  /** What comes of a call here and now. `isWritten`: an earlier try with its key is in the log. */
  judge(call: Pick<Call, "action" | "token">, isWritten = false): Outcome | "replayed" {
    try {
      this.#admit(call.action, call.token);
      if (isWritten) return "replayed";
      return this.#decide(call.action);
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      return { code: thrown.code, ...(thrown.current === undefined ? {} : { current: thrown.current }) };
    }
  }

  #touch(row: Row, statement: Statement): void {
    const { seq, at, by, type } = statement;
    this.#rows.set(row.entity, row);
    addTo(this.#past, row.entity, row);
    const reason = statement.reason === undefined ? {} : { reason: statement.reason };
    let more: JsonObject = {};
    if (type === "entity.retired") more = reason;
    if (type === "version.bumped") {
      const { entity: asked, scope, preid, changes } = statement as unknown as BumpBody & { changes: JsonObject[] };
      const { from } = changes.find(({ entity }) => entity === row.entity)!;
      more = { from: from!, asked, scope, ...(preid === undefined ? {} : { preid }), ...reason };
    }
    const mark: JsonObject = { seq, at, by, type, version: row.version, ...more };
    addTo(this.#marks, row.entity, mark);
  }

  /** docs/answers.md, column "who". */
  #admit(action: Action, token: Token | undefined): void {
    if (token !== undefined) {
      if (token.registry !== this.name) throw new Refusal("token_invalid");
      if (this.isRevoked(token.jti)) throw new Refusal("token_revoked");
    }
    if (isRead(action) && this.#genesis?.visibility === "public") return;
    if (token === undefined) throw new Refusal("token_missing");
    const has = (scope: string) => token.scope.includes(scope) || token.scope.includes("admin");
    if (isRead(action) ? has("read") : has("admin")) return;
    if (action.kind === "bump") {
      checkBump(action.body);
      const { entity } = action.body;
      if (token.scope.some((scope) => scope.startsWith("bump:") && covers(scope.slice(5), entity))) return;
    }
    throw new Refusal("forbidden");
  }

  #decide(action: Action): Outcome {
    switch (action.kind) {
      case "bump":
        return this.#bump(action.body);
      case "declare":
        return this.#declare(action.body.entities);
      case "retire": {
        const row = this.#row(action.entity);
        if (!isLive(row)) return { says: { receipt: null } };
        if (this.#children(row.entity).length > 0) throw new Refusal("entity_has_children");
        const { reason } = action.body;
        return {
          writes: [{ type: "entity.retired", entity: row.entity }],
          ...(reason === undefined ? {} : { reason }),
        };
      }
      case "revoke": {
        if (this.isRevoked(action.token)) return { says: { receipt: null } };
        const { exp } = action.body;
        return { writes: [{ type: "token.revoked", token: action.token, ...(exp === undefined ? {} : { exp }) }] };
      }
      case "delist": {
        const listing = this.#listings.get(action.name);
        if (listing === undefined) throw new Refusal("registry_unknown");
        if (listing.delisted) return { says: { receipt: null } };
        return { writes: [{ type: "registry.delisted", name: action.name }] };
      }
      case "mint":
        return { mints: action.body.scope };
      case "state": {
        const { visibility, origin, hash: genesis } = this.#genesis!;
        const size = this.#sizeOf(action);
        return { says: { registry: this.name, visibility, origin, genesis, size, entities: this.#rowsAt(size) } };
      }
      case "entity": {
        const size = this.#sizeOf(action);
        const entity = this.#rowAt(action.entity, size);
        if (entity === undefined) throw new Refusal("entity_unknown");
        return { says: { registry: this.name, size, entity } };
      }
      case "history":
        return this.#history(action.entity, action.limit, action.cursor ?? this.size);
      case "registries": {
        const listed = [...this.#listings].filter(([, { delisted }]) => !delisted);
        const shown = listed.map(([name, { genesis, at }]) => ({ name, genesis, at }));
        return { says: { size: this.size, registries: shown.sort((a, b) => inOrder(a.name, b.name)) } };
      }
      case "create":
        throw new Error("what comes of a creation is two registries' matter");
    }
  }

  #row(id: string): Row {
    const row = this.#rows.get(id);
    if (row === undefined) throw new Refusal("entity_unknown");
    return row;
  }

  /** What follows an entity, or nothing: siblings by id. */
  #children(parent: string | null): Row[] {
    const found = [...this.#rows.values()].filter((row) => isLive(row) && row.parent === parent);
    return found.sort((a, b) => inOrder(a.entity, b.entity));
  }

  #sizeOf({ size = this.size }: { readonly size?: number }): number {
    if (size > this.size) throw new Refusal("invalid_field");
    return size;
  }

  #rowAt(id: string, size: number): Row | undefined {
    return this.#past.get(id)?.findLast(({ seq }) => seq < size);
  }

  #rowsAt(size: number): Row[] {
    return [...this.#rows.keys()].sort(inOrder).flatMap((id) => this.#rowAt(id, size) ?? []);
  }

  #history(entity: string, limit: number, cursor: number): Outcome {
    this.#row(entity);
    if (cursor > this.size || limit === 0 || limit > 100) throw new Refusal("invalid_field");
    const older = this.#marks.get(entity)!.filter(({ seq }) => (seq as number) < cursor);
    const entries = older.slice(-limit).reverse();
    const next = older.length > limit ? String(entries.at(-1)!.seq) : null;
    return { says: { registry: this.name, size: this.size, entity, entries, next } };
  }

  #bump(body: BumpBody): Outcome {
    checkBump(body);
    const { entity, scope, preid, dryRun, reason } = body;
    const changes = entity === "*" ? this.#planEvery(body) : this.#planOne(body);
    if (changes.length === 0) throw new Refusal("nothing_to_bump");
    if (dryRun === true) return { says: { dryRun, entity, scope, changes, receipt: null } };
    const named = preid === undefined ? {} : { preid };
    return {
      writes: [{ type: "version.bumped", entity, scope, ...named, changes }],
      ...(typeof reason === "string" ? { reason } : {}),
    };
  }

  #planOne(body: BumpBody): JsonObject[] {
    const row = this.#row(body.entity);
    if (!isLive(row)) throw new Refusal("entity_retired", row.version);
    if (row.strategy === "lockstep") throw new Refusal("lockstep_follows_parent");
    if (body.expected !== undefined && body.expected !== row.version) {
      throw new Refusal("version_conflict", row.version);
    }
    const to = nextOf(row.version, body);
    if (to === null) return [];
    const changes = [{ entity: row.entity, from: row.version, to }];
    for (let i = 0; i < changes.length; i++) {
      const above = changes[i]!;
      for (const child of this.#children(above.entity)) {
        if (child.strategy === "independent") continue;
        const version = child.strategy === "lockstep" ? above.to : nextOf(child.version, body);
        if (version !== null) changes.push({ entity: child.entity, from: child.version, to: version });
      }
    }
    return changes;
  }

  #planEvery(body: BumpBody): JsonObject[] {
    const changes: JsonObject[] = [];
    const moved = new Map<string | null, string>();
    const rows = this.#children(null);
    for (let i = 0; i < rows.length; i++) {
      const { entity, version, strategy, parent } = rows[i]!;
      const to = strategy === "lockstep" ? (moved.get(parent) ?? null) : nextOf(version, body);
      if (to !== null) {
        moved.set(entity, to);
        changes.push({ entity, from: version, to });
      }
      rows.push(...this.#children(entity));
    }
    return changes;
  }

  #declare(entities: readonly Declaration[]): Outcome {
    const writes: Body[] = [];
    const before = this.#rows;
    this.#rows = new Map(before);
    try {
      for (const declaration of parentsFirst(entities)) {
        const body = this.#declared(declaration);
        if (body === null) continue;
        writes.push(body);
        const { type: _, ...row } = body;
        this.#rows.set(declaration.entity, { ...(row as unknown as Row), seq: this.size, at: 0 });
      }
    } finally {
      this.#rows = before;
    }
    if (writes.length > 0) return { writes };
    return { says: { receipts: [], unchanged: entities.map(({ entity }) => entity) } };
  }

  /** Members left out keep their value; null: all of it is so already. */
  #declared(asked: Declaration): Body | null {
    const { entity } = asked;
    const old = this.#rows.get(entity);
    const strategy = (asked.strategy ?? old?.strategy ?? "independent") as string;
    const parent = (asked.parent === undefined ? (old?.parent ?? null) : asked.parent) as string | null;
    const above = parent === null ? undefined : this.#rows.get(parent);
    const start = strategy === "lockstep" && above !== undefined ? above.version : "0.1.0";
    const version = (asked.version ?? old?.version ?? start) as string;
    const files = (asked.files ?? old?.files ?? []) as readonly Json[];
    const metadata = (asked.metadata ?? old?.metadata ?? {}) as JsonObject;
    const labels = Object.keys(metadata).length === 0 ? {} : { metadata };
    if (old !== undefined && !isLive(old)) throw new Refusal("entity_retired");
    if (old !== undefined && version !== old.version) throw new Refusal("invalid_field");
    if (parent === null && strategy === "lockstep") throw new Refusal("invalid_field");
    if (parent !== null) {
      for (let at: string | null = parent; at !== null; at = this.#rows.get(at)?.parent ?? null) {
        if (at === entity) throw new Refusal("cascade_cycle");
      }
      if (above === undefined) throw new Refusal("parent_unknown");
      if (!isLive(above)) throw new Refusal("entity_retired");
      if (strategy === "lockstep" && version !== above.version) throw new Refusal("invalid_field");
    }
    const body = { entity, version, strategy, parent, files, ...labels };
    if (old !== undefined) {
      const { seq: _, at: __, ...was } = old;
      if (jcs(was) === jcs(body)) return null;
    }
    return { type: "entity.declared", ...body };
  }
}

function addTo<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

/** The next version; null where the scope does not lead upwards. */
function nextOf(version: string, { scope, preid }: BumpBody): string | null {
  const step = scope as semver.ReleaseType;
  const to = typeof preid === "string" ? semver.inc(version, step, preid) : semver.inc(version, step);
  return to !== null && semver.gt(to, version) ? to : null;
}

/** What is wrong with a bump whatever the state. */
function checkBump({ entity, scope, preid, expected }: BumpBody): void {
  if (preid !== undefined && !scope.startsWith("pre")) throw new Refusal("invalid_field");
  if (expected !== undefined && entity === "*") throw new Refusal("invalid_field");
}

function covers(glob: string, entity: string): boolean {
  if (entity === "*") return glob === "*";
  const parts = glob.split("*").map((part) => part.replace(/[^A-Za-z0-9]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(entity);
}

/** Parents before their children, otherwise as they were asked for. */
function parentsFirst(entities: readonly Declaration[]): Declaration[] {
  const ordered: Declaration[] = [];
  const place = (declaration: Declaration, below: readonly Declaration[]): void => {
    if (ordered.includes(declaration)) return;
    if (below.includes(declaration)) throw new Refusal("cascade_cycle");
    const parent = entities.find(({ entity }) => entity === declaration.parent);
    if (parent !== undefined) place(parent, [...below, declaration]);
    ordered.push(declaration);
  };
  for (const declaration of entities) place(declaration, []);
  return ordered;
}
