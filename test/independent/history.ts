/**
 * Decides whether what clients saw of an authority could have come of one that does one thing at a time.
 *
 * The log says in which order the writes stand. So there is nothing to search for: each call has to have a place among
 * the statements, not before what anybody had been shown when it was sent, not after what its own answer speaks of, and
 * at that place the model has to give the very answer that came. A call that ended before another began thereby stands
 * before it. A call without an answer may stand in the log once, or not at all.
 */

import { type Answer, type Call, idempotencyOf, isRead, type JsonObject, type Statement, tell } from "./call.ts";
import { Deployment } from "./deployment.ts";
import { type Json, jcs } from "./log.ts";
import { type Body, type Outcome, RegistryModel } from "./rules.ts";

export type Logs = ReadonlyMap<string, readonly Statement[]>;

/** How often what was seen, so that a test can tell that it saw something. */
export interface Seen {
  /** By kind of call, and `kind code` where it was refused. */
  readonly counts: ReadonlyMap<string, number>;
  /** Calls that got no answer and are in the log, counted by key. */
  readonly unheard: number;
}

/** The statements of one request, or one that nobody's key is on. */
interface Group {
  readonly start: number;
  readonly statements: readonly Statement[];
  /** The call that wrote it, and its retries, as they were sent. */
  readonly tries: readonly Call[];
}

/** A call and the places where it may stand, both included. */
interface Placing {
  readonly call: Call;
  readonly answer: Answer;
  readonly low: number;
  readonly high: number;
  readonly group: Group | undefined;
}

/** @throws Error that says what fits nowhere */
export function checkHistory(logs: Logs, calls: readonly Call[]): Seen {
  const inTime = [...calls].sort((a, b) => a.invoked - b.invoked);
  const deployment = new Deployment(logs, inTime);
  const counts = new Map<string, number>();
  let unheard = 0;
  for (const registry of new Set([...logs.keys(), ...calls.map((call) => call.registry)])) {
    const groups = groupsOf(registry, logs.get(registry) ?? [], deployment);
    unheard += [...groups.values()].filter(
      ({ tries: [first] }) => first !== undefined && first.ended === undefined,
    ).length;
    checkRegistry(registry, groups, deployment);
  }
  for (const { action, answer } of calls) {
    const outcome = answer === undefined ? "unheard" : answer.status < 300 ? "" : String(answer.json.code);
    const name = `${action.kind} ${outcome}`.trimEnd();
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return { counts, unheard };
}

function checkRegistry(registry: string, groups: ReadonlyMap<number, Group>, deployment: Deployment): void {
  const model = new RegistryModel(registry);
  const waiting = placingsOf(registry, groups, deployment).sort((a, b) => a.low - b.low);
  let open: Placing[] = [];
  for (let group = groups.get(0); ; group = groups.get(model.size)) {
    // Nobody is answered before the genesis, and between the statements of one request there is no place.
    while (model.size > 0 && waiting.length > 0 && waiting[0]!.low <= model.size) open.push(waiting.shift()!);
    open = open.filter((placing) => {
      if (placing.high < model.size)
        throw new Error(`${tell(placing.call)} fits nowhere from ${placing.low} to ${placing.high}`);
      return !fits(model, placing);
    });
    if (group === undefined) break;
    checkGroup(model, group, deployment);
    for (const statement of group.statements) model.fold(statement);
  }
  const [left] = [...open, ...waiting];
  if (left !== undefined) throw new Error(`${tell(left.call)} fits nowhere from ${left.low} to ${left.high}`);
}

/** Groups a log by who asked for what. @throws for a statement that nobody asked for, and for one that is there twice */
function groupsOf(registry: string, log: readonly Statement[], deployment: Deployment): Map<number, Group> {
  const groups = new Map<number, Group>();
  const keys = new Set<string>();
  for (let start = 0; start < log.length; ) {
    const first = log[start]!;
    const { key, request } = (first.idempotency ?? {}) as { key?: string; request?: string };
    let end = start + 1;
    while (key !== undefined && (log[end]?.idempotency as JsonObject | undefined)?.key === key) end++;
    if (key !== undefined && keys.has(key)) throw new Error(`${registry}: statement ${start} is there a second time`);
    if (key !== undefined) keys.add(key);
    const tries = key === undefined ? deployment.triesOf(registry, first) : deployment.withKey(key);
    const statements = log.slice(start, end);
    for (const [i, { seq, by, at, registry: of }] of statements.entries()) {
      const before = log[start + i - 1]?.at ?? 0;
      const isOurs = tries.length === 0 ? by === "genesis" : tries.some(({ token }) => token?.jti === by);
      if (seq !== start + i || of !== registry || at < before || !isOurs) {
        throw new Error(`${registry}: nobody asked for statement ${start + i}: ${jcs(statements[i]!)}`);
      }
    }
    if (key !== undefined && idempotencyOf(tries[0]!)!.request !== request) {
      throw new Error(`${registry}: statement ${start} is another request than ${tell(tries[0]!)}`);
    }
    const low = tries[0] === undefined ? 0 : deployment.shownBefore(tries[0], registry);
    if (start < low) throw new Error(`${tell(tries[0]!)} stands at ${start}, and ${low} were shown before it was sent`);
    groups.set(start, { start, statements, tries });
    start = end;
  }
  return groups;
}

/** Every answer of a registry about itself, and where it may stand. What is said of no registry is checked here. */
function placingsOf(registry: string, groups: ReadonlyMap<number, Group>, deployment: Deployment): Placing[] {
  const byTry = new Map([...groups.values()].flatMap((group) => group.tries.map((call) => [call, group] as const)));
  const placings: Placing[] = [];
  for (const call of deployment.calls) {
    const { answer } = call;
    if (call.registry !== registry || answer === undefined) continue;
    if (answer.from !== undefined && answer.from.registry !== registry)
      throw new Error(`${tell(call)} speaks of another`);
    if (deployment.settles(call, answer)) continue;
    if (answer.from === undefined) throw new Error(`${tell(call)} is unsigned`);
    // From memory, a caller is promised no more than it asked for.
    const shown = call.minSize ?? deployment.shownBefore(call, registry);
    let [low, high] = [shown, answer.from.size];
    const { size } = answer.json;
    if (isRead(call.action) && !("size" in call.action) && answer.status === 200) {
      if (typeof size !== "number" || size < low || size > high) {
        throw new Error(`${tell(call)} speaks of ${size}: not from ${low} to ${high}`);
      }
      [low, high] = [size, size];
    }
    placings.push({ call, answer, low, high, group: byTry.get(call) });
  }
  return placings;
}

/** Whether a call may stand where the model is. */
function fits(model: RegistryModel, { call, answer, high, group }: Placing): boolean {
  const receipts = receiptsIn(answer.json);
  if (receipts.length > 0) {
    if (group === undefined) throw new Error(`${tell(call)} is not in the log`);
    if (jcs(receipts) !== jcs(group.statements)) throw new Error(`${tell(call)}: the log has ${jcs(group.statements)}`);
    if (!saysSo(call, answer.json, group.statements)) throw new Error(`${tell(call)} is not what its receipts say`);
    if (group.start + group.statements.length > high) throw new Error(`${tell(call)} proves more than it speaks of`);
    return model.size === group.start || (model.size > group.start && model.judge(call, true) === "replayed");
  }
  const outcome = model.judge(call, group !== undefined && group.start < model.size);
  if (outcome === "replayed" || "writes" in outcome) return false;
  if ("code" in outcome) {
    const { code, facts } = answer.json as { code?: string; facts?: JsonObject };
    return (
      answer.status >= 400 && code === outcome.code && (!("current" in outcome) || facts?.current === outcome.current)
    );
  }
  if (answer.status !== 200) return false;
  return "says" in outcome ? jcs(answer.json) === jcs(outcome.says) : isMinted(answer.json, model.name, outcome.mints);
}

/** The statements that an answer's receipts prove. */
export function receiptsIn({ receipt, receipts }: JsonObject): JsonObject[] {
  const all = (receipts ?? (receipt === undefined || receipt === null ? [] : [receipt])) as readonly JsonObject[];
  return all.map(({ statement }) => statement as JsonObject);
}

/** Whether the rest of an answer fits the statements that it came with. */
function saysSo({ action }: Call, json: JsonObject, statements: readonly Statement[]): boolean {
  const { receipt: _, receipts: __, ...rest } = json;
  if (action.kind === "bump") {
    const { entity, scope } = action.body;
    return jcs(rest) === jcs({ dryRun: false, entity, scope, changes: statements[0]!.changes! });
  }
  if (action.kind !== "declare") return jcs(rest) === "{}";
  const written = new Set(statements.map(({ entity }) => entity));
  const unchanged = action.body.entities.map(({ entity }) => entity).filter((entity) => !written.has(entity));
  return jcs(rest) === jcs({ unchanged });
}

function isMinted({ token, jti, exp }: JsonObject, registry: string, scope: readonly string[]): boolean {
  const text = Buffer.from(String(token).split(".")[1]!, "base64url").toString();
  const { iat: _, ...claims } = JSON.parse(text) as JsonObject;
  return jcs({ aud: `tes:${registry}`, jti: jti!, exp: exp!, scope }) === jcs(claims);
}

/** @throws unless the statements are what the model writes at this place */
function checkGroup(model: RegistryModel, { start, statements, tries }: Group, deployment: Deployment): void {
  const [call] = tries;
  if (call === undefined || call.action.kind === "create") {
    deployment.checkFounding(model, statements, tries);
    return;
  }
  const outcome = model.judge(call) as Outcome;
  if (!("writes" in outcome)) {
    throw new Error(`${tell(call)} stands at ${start}, where it comes to ${jcs(outcome as unknown as Json)}`);
  }
  const { writes, reason } = outcome;
  const isSame =
    writes.length === statements.length && writes.every((body, i) => isWritten(body, reason, statements[i]!));
  if (!isSame) throw new Error(`${tell(call)} stands at ${start} as ${jcs(statements)}, not ${jcs(writes)}`);
}

/** The longest that a token lives, in seconds, and how long a request may have waited. */
const LONGEST_LIFE_S = 366 * 86_400;
const LONGEST_WAIT_S = 120;

function isWritten(body: Body, reason: string | undefined, statement: Statement): boolean {
  const { v, registry: _, seq: __, at, by: ___, idempotency: ____, reason: digest, ...said } = statement;
  if (v !== 1 || (reason === undefined) !== (digest === undefined)) return false;
  if (body.type !== "token.revoked" || body.exp !== undefined) return jcs(said) === jcs(body);
  const { exp, ...rest } = said;
  const early = Math.floor(at / 1000) + LONGEST_LIFE_S - Number(exp);
  return jcs(rest) === jcs(body) && early >= 0 && early <= LONGEST_WAIT_S;
}
