/** Clients that do everything at once to a few registries: what they know of them, and what they do next. */

import type { Action, BumpBody, Call, Declaration, JsonObject } from "../../independent/call.ts";
import { receiptsIn } from "../../independent/history.ts";
import { type Bearer, bearerOf, type Intent, type Recorder } from "./calls.ts";
import type { Dice } from "./dice.ts";
import type { Wire } from "./http.ts";
import { keyOf, mintToken, type TestKey } from "./keys.ts";

const SCOPES = [
  "patch",
  "patch",
  "patch",
  "minor",
  "major",
  "prerelease",
  "premajor",
  "preminor",
  "prepatch",
  "release",
];
const PREIDS = ["alpha", "beta", "rc"];
const STRATEGIES = ["independent", "independent", "linked", "linked", "lockstep"];
/** Names that everyone works on, so that they meet. A retired one goes on under the next number. */
const SLOTS = ["global:main", ...["a", "b", "c", "d", "e", "f"].map((name) => `component:${name}`), "api:x", "api:y"];
const TOKEN_SCOPES = [
  ["admin"],
  ["admin"],
  ["bump:*"],
  ["bump:*"],
  ["bump:component:*"],
  ["bump:api:x*", "read"],
  ["watch"],
];
const MOST_REALMS = 5;

/** A registry as the clients know it. */
export interface Realm {
  readonly name: string;
  /** Minted apart from the authority, and never revoked. */
  readonly admins: readonly Bearer[];
  readonly minted: Bearer[];
  readonly revoked: Bearer[];
  readonly versions: Map<string, string>;
  readonly retired: Map<string, number>;
  /** The largest log size that was shown. */
  shown: number;
  delisted: boolean;
}

export interface World {
  readonly signing: TestKey;
  readonly realms: Realm[];
  /** Names that somebody began to create. */
  begun: number;
}

export function newWorld(signing: TestKey): World {
  return { signing, realms: [newRealm(signing, "default")], begun: 0 };
}

function newRealm(signing: TestKey, name: string): Realm {
  const admins = Array.from({ length: 4 }, () => bearerOf(mintToken(signing, { registry: name })));
  const known = { versions: new Map(), retired: new Map(), shown: 0, delisted: false };
  return { name, admins, minted: [], revoked: [], ...known };
}

/** The first write to a registry: some entities that follow each other. */
export function firstDeclaration({ name, admins }: Realm, key: string): Intent {
  const parent = "global:main";
  const entities: Declaration[] = [
    { entity: "component:a", parent, strategy: "linked", metadata: { team: "one" } },
    { entity: "component:b", parent, strategy: "lockstep" },
    { entity: "component:c", parent: "component:b", strategy: "lockstep", files: [{ path: "package.json" }] },
    { entity: "api:x", parent: "component:a", strategy: "linked" },
    { entity: parent },
  ];
  return { registry: name, action: { kind: "declare", body: { entities } }, bearer: admins[0]!, key };
}

export interface MixedLoad {
  readonly clients: number;
  /** Calls of each client, one after the other. */
  readonly each: number;
  /** Begins every key, so that no two loads share one. */
  readonly name: string;
  readonly diceOf: (client: number) => Dice;
  readonly onSent: () => void;
  readonly onAcknowledged: () => void;
}

/** Runs the clients until each has finished or lost its connection. @returns their calls */
export async function runLoad(wire: Wire, recorder: Recorder, world: World, load: MixedLoad): Promise<Call[]> {
  const calls: Call[] = [];
  const client = async (number: number): Promise<void> => {
    const dice = load.diceOf(number);
    let next: Intent | undefined;
    for (let turn = 0; turn < load.each; turn++) {
      const key = `${load.name}-${number}-${turn}`;
      const intent = next ?? choose(world, dice, key);
      const call = await recorder.perform(wire, intent, load.onSent);
      calls.push(call);
      if (call.answer === undefined) return;
      if (receiptsIn(call.answer.json).length > 0) load.onAcknowledged();
      learn(world, call);
      const created = call.action.kind === "create" && call.answer.status === 201;
      next = created ? firstDeclaration(realmOf(world, call.registry)!, `${key}-first`) : undefined;
    }
  };
  await Promise.all(Array.from({ length: load.clients }, (_, number) => client(number)));
  return calls;
}

const realmOf = ({ realms }: World, name: string): Realm | undefined => realms.find((realm) => realm.name === name);

/** What clients know after an answer. */
export function learn(world: World, { registry, action, answer }: Call): void {
  if (answer === undefined) return;
  const { status, json, from } = answer;
  if (action.kind === "create" && status === 201 && realmOf(world, registry) === undefined) {
    world.realms.push(newRealm(world.signing, registry));
  }
  const realm = realmOf(world, registry);
  if (realm === undefined) return;
  if (from?.registry === registry) realm.shown = Math.max(realm.shown, from.size);
  if (status >= 300) return;
  if (action.kind === "bump") {
    for (const { entity, to } of json.changes as unknown as { entity: string; to: string }[]) {
      if (json.dryRun === false) realm.versions.set(entity, to);
    }
  }
  if (action.kind === "mint") realm.minted.push(bearerOf(String(json.token)));
  if (action.kind === "retire") {
    const [slot = "", count = "0"] = action.entity.split("-");
    realm.retired.set(slot, Math.max(realm.retired.get(slot) ?? 0, Number(count) + 1));
  }
  if (action.kind === "revoke") {
    const at = realm.minted.findIndex(({ token }) => token.jti === action.token);
    if (at >= 0) realm.revoked.push(...realm.minted.splice(at, 1));
  }
  if (action.kind === "delist") realmOf(world, action.name)!.delisted = true;
}

function choose(world: World, dice: Dice, key: string): Intent {
  const chance = (percent: number): boolean => dice.between(1, 100) <= percent;
  // Of those that are gone a little is asked too.
  const live = chance(8) ? world.realms : world.realms.filter(({ delisted }) => !delisted);
  const realm = chance(50) ? world.realms[0]! : dice.pick(live);
  const action = chooseAction(world, realm, dice, chance);
  const kind = action.kind;
  const isRead = kind === "state" || kind === "entity" || kind === "history" || kind === "registries";
  const registry =
    kind === "create" ? nameFor(world, dice) : kind === "registries" || kind === "delist" ? "default" : realm.name;
  const asks = kind === "create" || registry === "default" ? world.realms[0]! : realm;
  if (isRead && chance(40)) return { registry, action, minSize: chance(50) ? asks.shown : 0 };
  if (isRead && chance(40)) return { registry, action };
  const bearer = chooseBearer(world, asks, dice, chance);
  // A token that is minted is nowhere in the log: there is nothing that a key could find again.
  return { registry, action, bearer, ...(isRead || kind === "mint" ? {} : { key }) };
}

function nameFor(world: World, dice: Dice): string {
  const known = world.realms.slice(1);
  // Else a name that is there, or was.
  const isNew = known.length === 0 || (world.begun < MOST_REALMS && dice.between(0, 2) > 0);
  return isNew ? `r${++world.begun}` : dice.pick(known).name;
}

function chooseBearer(world: World, realm: Realm, dice: Dice, chance: (percent: number) => boolean): Bearer {
  if (chance(1)) return dice.pick(dice.pick(world.realms).admins);
  if (chance(12) && realm.revoked.length > 0) return dice.pick(realm.revoked);
  // A few are used by many, so that one is revoked while others write with it.
  return chance(35) && realm.minted.length > 0 ? dice.pick(realm.minted.slice(0, 4)) : dice.pick(realm.admins);
}

function chooseAction(world: World, realm: Realm, dice: Dice, chance: (percent: number) => boolean): Action {
  const entity = (): string => nameOf(realm, dice.pick(SLOTS));
  const roll = dice.between(1, 1000);
  if (roll <= 420) return { kind: "bump", body: chooseBump(realm, entity(), dice, chance) };
  if (roll <= 570) return { kind: "declare", body: { entities: chooseEntities(realm, dice, chance) } };
  if (roll <= 600) return { kind: "retire", entity: entity(), body: chance(30) ? { reason: "not needed" } : {} };
  if (roll <= 660) return { kind: "mint", body: { scope: dice.pick(TOKEN_SCOPES), expiresIn: 3600 } };
  if (roll <= 690) {
    const known = chance(80) ? realm.minted : realm.revoked;
    if (known.length > 0) {
      const { jti } = dice.pick(known.slice(0, 4)).token;
      return { kind: "revoke", token: jti, body: chance(50) ? { exp: Math.floor(Date.now() / 1000) + 3600 } : {} };
    }
  }
  if (roll <= 705 && (world.begun < MOST_REALMS || chance(30))) {
    return {
      kind: "create",
      body: { visibility: dice.pick(["public", "private"]), recovery: { x: keyOf("realm").x } },
    };
  }
  if (roll <= 706 && world.realms.length > 3)
    return { kind: "delist", name: dice.pick(world.realms.slice(1)).name, body: {} };
  if (roll <= 760) return { kind: "registries" };
  const then = (): { size?: number } => (chance(25) ? { size: dice.between(0, realm.shown) } : {});
  if (roll <= 840) return { kind: "state", ...then() };
  if (roll <= 920) return { kind: "entity", entity: entity(), ...then() };
  const cursor = chance(30) ? { cursor: dice.between(0, realm.shown) } : {};
  return { kind: "history", entity: entity(), limit: dice.between(1, 20), ...cursor };
}

function nameOf({ retired }: Realm, slot: string): string {
  const count = retired.get(slot) ?? 0;
  return count === 0 ? slot : `${slot}-${count}`;
}

function chooseBump(realm: Realm, entity: string, dice: Dice, chance: (percent: number) => boolean): BumpBody {
  const scope = dice.pick(SCOPES);
  const known = realm.versions.get(entity);
  return {
    entity: chance(6) ? "*" : entity,
    scope,
    ...(chance(scope.startsWith("pre") ? 60 : 2) && { preid: dice.pick(PREIDS) }),
    ...(known !== undefined && chance(30) && { expected: known }),
    ...(chance(10) && { dryRun: true }),
    ...(chance(5) && { reason: `because of ${dice.between(1, 1_000_000)}` }),
  };
}

function chooseEntities(realm: Realm, dice: Dice, chance: (percent: number) => boolean): Declaration[] {
  const slots = new Set(Array.from({ length: dice.between(1, 3) }, () => dice.pick(SLOTS)));
  return [...slots].map((slot): Declaration => {
    const parent = chance(20) ? null : nameOf(realm, dice.pick(SLOTS));
    const metadata: JsonObject = chance(10) ? {} : { team: dice.pick(["one", "two"]) };
    return {
      entity: nameOf(realm, slot),
      ...(chance(50) && { strategy: dice.pick(STRATEGIES) }),
      ...(chance(60) && { parent }),
      ...(chance(40) && { metadata }),
      ...(chance(30) && { files: [{ path: dice.pick(["VERSION", "package.json"]) }] }),
      ...(chance(4) && { version: "2.0.0" }),
    };
  });
}
