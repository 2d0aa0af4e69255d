/**
 * Rounds of SIGKILL under mixed load, at moments drawn from a seed. After each: restart, send every write again under
 * its own key, and hold all that clients ever saw of the authority against a model that does one thing at a time.
 */

import { hash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createClient, memoryPins, type PinStore, TesError } from "../../../src/client/index.ts";
import type { Call, JsonObject } from "../../independent/call.ts";
import { checkHistory, type Seen } from "../../independent/history.ts";
import type { ReceiptJson, TreeHead } from "../../independent/log.ts";
import { type Attack, aim, drawMoment, type Moment, watchFiles } from "./attack.ts";
import { prepareData, type Served, serve, type Victim } from "./authority.ts";
import { type Intent, newRecorder, type Recorder } from "./calls.ts";
import { type Dice, rollDice } from "./dice.ts";
import { openWire, type Wire } from "./http.ts";
import { keyOf } from "./keys.ts";
import { type LogWitness, newLogWitness } from "./logs.ts";
import { firstDeclaration, learn, newWorld, runLoad, type World } from "./mixed.ts";
import { makePlace, noneLeftIn, type Place } from "./place.ts";
import { OBJECTS } from "./storage.ts";
import { confirmByClient } from "./witness.ts";

/** Calls of one round, whatever the number of clients. */
const CALLS = 1_600;
const CLIENTS = [16, 32, 64];
/** Of all calls, about so many are writes that change something: the moments are drawn within. */
const WRITE_SHARE = 0.35;
/** Rounds on one data directory; then a new one, so that the first requests of all get their share of kills. */
export const ROUNDS_PER_LOG = 5;
const VICTIMS: readonly Victim[] = ["workerd", "tes", "launcher"];
/** Writes that wait for their second answer at the same time. */
const RETRIES_AT_ONCE = 64;
/** Heads that our client proves the log against, spread over those that were seen; the rest are checked without it. */
const HEADS_BY_CLIENT = 8;

export interface Round {
  readonly number: number;
  readonly victim: Victim;
  /** The event, and its count, at which the victim was killed. */
  readonly moment: string;
  readonly clients: number;
  readonly sent: number;
  readonly answered: number;
  /** Not answered, and in a log all the same: the kill came between commit and answer. */
  readonly writtenUnheard: number;
  /** Distinct tree heads that clients had seen. */
  readonly heads: number;
  readonly registries: number;
  /** Statements in all logs when the round ended. */
  readonly size: number;
  /** What was seen of the logs by the end of the round, its retries and all rounds before it on the same data. */
  readonly seen: Seen;
}

/** One data directory, over all of its crashes. */
interface Game {
  readonly place: Place;
  /** Where the objects' files are. */
  readonly objects: string;
  readonly world: World;
  readonly recorder: Recorder;
  readonly witnesses: Map<string, LogWitness>;
  /** What the watching client remembers from one crash to the next. */
  readonly pins: PinStore;
  unheard: number;
}

/** Plays the rounds and reports each. @throws on the first thing that is not as it was promised */
export async function playRounds(seed: string, rounds: number, report: (round: Round) => void): Promise<void> {
  for (let first = 0; first < rounds; first += ROUNDS_PER_LOG) {
    await using place = await makePlace();
    const game = await newGame(place, `${seed}/${first}`);
    let authority = await serve(place);
    for (let number = first; number < Math.min(rounds, first + ROUNDS_PER_LOG); number++) {
      const played = await playRound(game, authority, number, `${seed}/round ${number}`);
      authority = played.authority;
      report(played.round);
    }
    const code = await authority.stop();
    if (code !== 0) throw new Error(`the authority ended with ${code}:\n${authority.run.stderr}`);
  }
}

async function newGame(place: Place, label: string): Promise<Game> {
  const signing = keyOf(label);
  const dir = await prepareData(place, { signing, recovery: keyOf(`${label} recovery`) });
  // Made before workerd makes it, so that its first write can be watched for.
  const objects = join(dir, OBJECTS);
  await mkdir(objects, { recursive: true });
  const world = newWorld(signing);
  return { place, objects, world, recorder: newRecorder(), witnesses: new Map(), pins: memoryPins(), unheard: 0 };
}

async function playRound(game: Game, authority: Served, number: number, seed: string) {
  const dice = rollDice(seed);
  const victim = VICTIMS[number % VICTIMS.length]!;
  const clients = dice.pick(CLIENTS);
  const moment = momentOf(game, dice);
  const attack = aim(authority, victim, moment);
  const { ended } = await attackUnderLoad(game, authority, { attack, clients, seed });
  // The command line notices by itself when workerd or the launcher has ended; a workerd whose command line was killed
  // goes on, and the next start has to end it.
  await authority.run.exited;
  if (victim !== "tes") await noneLeftIn(game.place.dir);
  const next = await serve(game.place);
  const { calls, heads } = await ended;

  using wire = openWire(next.url);
  await sendAgain(wire, game, calls);
  await lookAtAll(wire, game);
  const shown = await confirmLogs(wire, game, heads);
  const [first] = game.witnesses.values();
  for (const head of spread(shown, HEADS_BY_CLIENT)) await confirmByClient(next.url, first!.pin, head);
  // The client that watched all along, with what it remembers.
  await watcherOf(game, next.url).checkpoint();
  const logs = new Map([...game.witnesses].map(([name, { log }]) => [name, log]));
  const seen = checkHistory(logs, [...game.recorder.calls.keys()]);
  await readReasons(wire, game);
  const round: Round = {
    number,
    victim,
    moment: attack.reached ? `${moment.event} ${moment.count}` : "the load's end",
    clients,
    sent: calls.length,
    answered: calls.filter(({ answer }) => answer !== undefined).length,
    writtenUnheard: seen.unheard - game.unheard,
    heads: shown.length,
    registries: logs.size,
    size: [...logs.values()].reduce((sum, log) => sum + log.length, 0),
    seen,
  };
  game.unheard = seen.unheard;
  return { authority: next, round };
}

function momentOf({ recorder }: Game, dice: Dice): Moment {
  // The very first write of a log stores the genesis too: half of the new logs are hit there.
  if (recorder.calls.size === 0 && dice.between(0, 1) === 0) return { event: "sent", count: 1 };
  return drawMoment(dice, CALLS * WRITE_SHARE);
}

interface Assault {
  readonly attack: Attack;
  readonly clients: number;
  readonly seed: string;
}

/** Runs a load until the victim is dead. `ended` comes when every client has noticed: what they sent and saw. */
async function attackUnderLoad(game: Game, authority: Served, { attack, clients, seed }: Assault) {
  const wire = openWire(authority.url);
  const files = watchFiles(game.objects, () => attack.count("stored"));
  const onSent = () => attack.count("sent");
  const running = (async (): Promise<Call[]> => {
    const begin: Call[] = [];
    if (game.recorder.calls.size === 0) {
      const call = await game.recorder.perform(wire, firstDeclaration(game.world.realms[0]!, "first"), onSent);
      begin.push(call);
      if (call.answer === undefined) return begin;
      learn(game.world, call);
    }
    const load = {
      clients,
      each: CALLS / clients,
      name: hash("sha256", seed, "hex").slice(0, 8),
      diceOf: (client: number) => rollDice(`${seed}/client ${client}`),
      onSent,
      onAcknowledged: () => attack.count("acknowledged"),
    };
    return [...begin, ...(await runLoad(wire, game.recorder, game.world, load))];
  })();
  const watching = watch(game, authority.url, running, () => attack.count("seen"));
  const ended = Promise.all([watching, running])
    .then(([heads, calls]) => ({ heads, calls }))
    .finally(() => {
      attack.now();
      wire[Symbol.dispose]();
      files[Symbol.dispose]();
    });
  // Whoever waits for the end hears of a failure; until then it must not count as unheard.
  ended.catch(() => undefined);
  await attack.done;
  return { ended };
}

/** Sends every write again that was acknowledged, and one that nobody heard of twice at once. */
async function sendAgain(wire: Wire, { recorder, world }: Game, calls: readonly Call[]): Promise<void> {
  const keyed = calls.filter(({ key }) => key !== undefined);
  const unheard = keyed.filter(({ answer }) => answer === undefined);
  const acknowledged = keyed.filter(({ answer }) => answer !== undefined && answerReceipts(answer.json).length > 0);
  const waiting = [...unheard, ...unheard, ...acknowledged].map((call) => recorder.calls.get(call)!);
  const client = async (): Promise<void> => {
    for (let intent = waiting.shift(); intent !== undefined; intent = waiting.shift()) {
      learn(world, await perform(wire, recorder, intent));
    }
  };
  await Promise.all(Array.from({ length: RETRIES_AT_ONCE }, client));
}

/** Reads what there is of each registry, for the record. */
async function lookAtAll(wire: Wire, { recorder, world }: Game): Promise<void> {
  await perform(wire, recorder, { registry: "default", action: { kind: "registries" } });
  for (const { name, admins } of world.realms) {
    await perform(wire, recorder, { registry: name, action: { kind: "state" }, bearer: admins[0]! });
  }
}

/** Here nothing is killed, so that an answer has to come. */
async function perform(wire: Wire, recorder: Recorder, intent: Intent): Promise<Call> {
  const call = await recorder.perform(wire, intent);
  if (call.answer === undefined) throw new Error(`no answer to ${JSON.stringify(intent.action)}`);
  return call;
}

/** Reads every log, and holds all receipts and heads against it. @returns the heads of default that were shown */
async function confirmLogs(wire: Wire, game: Game, watched: readonly TreeHead[]): Promise<TreeHead[]> {
  const of = new Map<string, TreeHead[]>([["default", [...watched]]]);
  for (const { name, admins } of game.world.realms) {
    if (!game.witnesses.has(name)) game.witnesses.set(name, newLogWitness(name, admins[0]!));
    const now = await game.witnesses.get(name)!.read(wire);
    of.set(name, [...(of.get(name) ?? []), now]);
  }
  for (const { registry, answer } of game.recorder.calls.keys()) {
    const witness = game.witnesses.get(registry);
    if (answer === undefined || witness === undefined) continue;
    for (const receipt of answerReceipts(answer.json)) of.get(registry)!.push(witness.note(receipt));
  }
  for (const [name, witness] of game.witnesses) witness.confirm(of.get(name)!);
  const distinct = new Map(of.get("default")!.map((head) => [head.size, head]));
  return [...distinct.values()].sort((a, b) => a.size - b.size);
}

function answerReceipts({ receipt, receipts }: JsonObject): ReceiptJson[] {
  const all = receipts ?? (receipt == null ? [] : [receipt]);
  return all as unknown as ReceiptJson[];
}

/** Every text that a statement refers to is there, and is what was sent with the write. */
async function readReasons(wire: Wire, { witnesses, recorder, world }: Game): Promise<void> {
  const sent = new Map<string, unknown>();
  for (const { action, answer } of recorder.calls.keys()) {
    if (answer === undefined || !("body" in action)) continue;
    for (const { statement } of answerReceipts(answer.json)) {
      const { digest } = (statement.reason ?? {}) as { digest?: string };
      if (digest !== undefined) sent.set(digest, (action.body as JsonObject).reason);
    }
  }
  for (const { name, admins } of world.realms) {
    for (const { reason } of witnesses.get(name)!.log) {
      if (reason === undefined) continue;
      const { digest } = reason as { digest: string };
      const headers = { authorization: `Bearer ${admins[0]!.text}` };
      const reply = await wire.send(`/v1/${name}/blobs/${digest}`, { headers });
      const { salt = "", text = "" } = JSON.parse(reply.text) as { salt?: string; text?: string };
      const bytes = Buffer.concat([Buffer.from(salt, "base64"), Buffer.from(text)]);
      if (hash("sha256", bytes, "hex") !== digest) throw new Error(`${digest} is not of ${reply.text}`);
      if (sent.has(digest) && sent.get(digest) !== text) throw new Error(`${digest}: "${text}" was never sent`);
    }
  }
}

const watcherOf = ({ pins }: Game, url: string) =>
  createClient({ url, store: pins, pinKey: "log", trustFirst: true, attempts: 1 });

/** A client of ours that asks for the head again and again, and proves each to extend the one before. */
async function watch(game: Game, url: string, until: Promise<unknown>, onSeen: () => void): Promise<TreeHead[]> {
  const client = watcherOf(game, url);
  const heads: TreeHead[] = [];
  let running = true;
  const end = () => {
    running = false;
  };
  void until.then(end, end);
  while (running) {
    try {
      const { origin, size, root } = await client.checkpoint();
      heads.push({ origin, size, root: Buffer.from(root) });
    } catch (thrown) {
      if (thrown instanceof TesError && thrown.code === "authority_unreachable") break;
      throw thrown;
    }
    onSeen();
  }
  return heads;
}

/** At most so many of a list: the first, the last, and others evenly between. */
function spread<T>(list: readonly T[], most: number): T[] {
  if (list.length <= most) return [...list];
  return Array.from({ length: most }, (_, n) => list[Math.round((n * (list.length - 1)) / (most - 1))]!);
}
