/**
 * Rounds of SIGKILL under load, at moments drawn from a seed. After each: restart, send every request again under its
 * own key, and hold what is there against everything that was seen before.
 */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createClient, memoryPins, type PinStore, TesError } from "../../../src/client/index.ts";
import type { TreeHead } from "../../independent/log.ts";
import { type Attack, aim, drawMoment, type Moment, watchFiles } from "./attack.ts";
import { prepareData, type Served, serve, type Victim } from "./authority.ts";
import { declaration, isBroken, sendWrite, startLoad, type Write } from "./bumps.ts";
import { type Dice, rollDice } from "./dice.ts";
import { openWire, type Wire } from "./http.ts";
import { keyOf, mintToken } from "./keys.ts";
import { makePlace, noneLeftIn, type Place } from "./place.ts";
import { OBJECTS } from "./storage.ts";
import { confirmByClient, newWitness, type Witness } from "./witness.ts";

const CLIENTS = 64;
const EACH = 40;
/** Rounds on one data directory; then a new one, so that the first requests of all get their share of kills. */
const ROUNDS_PER_LOG = 5;
const VICTIMS: readonly Victim[] = ["workerd", "tes", "launcher"];
const SCOPES = ["patch", "minor", "prerelease", "major"];
/** Heads that our client proves the log against, spread over those that were seen; the rest are checked without it. */
const HEADS_BY_CLIENT = 8;

export interface Round {
  readonly number: number;
  readonly victim: Victim;
  /** The event, and its count, at which the victim was killed. */
  readonly moment: string;
  readonly sent: number;
  readonly acknowledged: number;
  /** Not acknowledged, and in the log all the same: the kill came between commit and answer. */
  readonly writtenUnheard: number;
  /** Distinct tree heads that clients had seen. */
  readonly heads: number;
  /** Statements in the log when the round ended. */
  readonly size: number;
}

/** One log, over all of its crashes. */
interface Game {
  readonly place: Place;
  /** Where the object's files are. */
  readonly objects: string;
  readonly token: string;
  readonly witness: Witness;
  /** What the watching client remembers from one crash to the next. */
  readonly pins: PinStore;
}

/** Plays the rounds and reports each. @throws on the first thing that is not as it was promised */
export async function playRounds(seed: string, rounds: number, report: (round: Round) => void): Promise<void> {
  for (let first = 0; first < rounds; first += ROUNDS_PER_LOG) {
    await using place = await makePlace();
    const game = await newGame(place, `${seed}/${first}`);
    let authority = await serve(place);
    for (let number = first; number < Math.min(rounds, first + ROUNDS_PER_LOG); number++) {
      const dice = rollDice(`${seed}/round ${number}`);
      const played = await playRound(game, authority, number, dice);
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
  return { place, objects, token: mintToken(signing), witness: newWitness(), pins: memoryPins() };
}

async function playRound(game: Game, authority: Served, number: number, dice: Dice) {
  const { witness } = game;
  const victim = VICTIMS[number % VICTIMS.length]!;
  const moment = momentOf(game, dice);
  const attack = aim(authority, victim, moment);
  const { ended } = await attackUnderLoad(game, authority, number, attack);
  // The command line notices by itself when workerd or the launcher has ended; a workerd whose command line was killed
  // goes on, and the next start has to end it.
  await authority.run.exited;
  if (victim !== "tes") await noneLeftIn(game.place.dir);
  const next = await serve(game.place);
  const { writes, heads } = await ended;

  using wire = openWire(next.url);
  const found = await witness.meet(wire);
  const seen = new Map(heads.map((head) => [head.size, head]));
  for (const write of writes) {
    if (write.receipt === undefined) continue;
    const head = witness.note(write, write.receipt);
    seen.set(head.size, head);
  }
  const unheard = writes.filter(({ receipt }) => receipt === undefined);
  const writtenUnheard = await sendAgain(wire, game, writes, unheard, found.size);
  const now = await witness.meet(wire);
  witness.confirm(now, [...seen.values()]);
  for (const head of spread([...seen.values()], HEADS_BY_CLIENT)) await confirmByClient(next.url, witness, head);
  // The client that watched all along, with what it remembers.
  await watcherOf(game, next.url).checkpoint();
  const round: Round = {
    number,
    victim,
    moment: attack.reached ? `${moment.event} ${moment.count}` : "the load's end",
    sent: writes.length,
    acknowledged: writes.length - unheard.length,
    writtenUnheard,
    heads: seen.size,
    size: now.size,
  };
  return { authority: next, round };
}

function momentOf({ witness }: Game, dice: Dice): Moment {
  // The very first write of a log stores the genesis too: half of the new logs are hit there.
  if (witness.size === 0 && dice.between(0, 1) === 0) return { event: "sent", count: 1 };
  return drawMoment(dice, CLIENTS * EACH * 0.75);
}

/** Runs a load until the victim is dead. `ended` comes when every client has noticed: what they sent and saw. */
async function attackUnderLoad(game: Game, authority: Served, number: number, attack: Attack) {
  const wire = openWire(authority.url);
  const files = watchFiles(game.objects, () => attack.count("stored"));
  const begin = game.witness.size === 0 ? await declare(wire, game.token, attack) : [];
  const load = startLoad(wire, {
    token: game.token,
    clients: begin.some(({ receipt }) => receipt === undefined) ? 0 : CLIENTS,
    each: EACH,
    name: `round${number}`,
    scopeOf: (client, turn) => SCOPES[(client + turn) % SCOPES.length]!,
    onSent: () => attack.count("sent"),
    onAcknowledged: () => attack.count("acknowledged"),
  });
  const watching = watch(game, authority.url, load.done, () => attack.count("seen"));
  const ended = Promise.all([watching, load.done])
    .then(([heads]) => ({ writes: [...begin, ...load.writes], heads }))
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

async function declare(wire: Wire, token: string, attack: Attack): Promise<Write[]> {
  const write = declaration("declare");
  try {
    write.receipt = await sendWrite(wire, token, write, () => attack.count("sent"));
  } catch (thrown) {
    if (!isBroken(thrown)) throw thrown;
  }
  return [write];
}

/** Sends every write again: one that nobody heard of twice at once. @returns how many of those were written before */
async function sendAgain(
  wire: Wire,
  { token, witness }: Game,
  writes: readonly Write[],
  unheard: readonly Write[],
  sizeBefore: number,
): Promise<number> {
  const waiting = [...unheard, ...unheard, ...writes];
  const written = new Set<string>();
  const client = async (): Promise<void> => {
    for (let write = waiting.shift(); write !== undefined; write = waiting.shift()) {
      const receipt = await sendWrite(wire, token, write);
      witness.note(write, receipt);
      if (receipt.statement.seq < sizeBefore) written.add(write.key);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return unheard.filter(({ key }) => written.has(key)).length;
}

const watcherOf = ({ pins }: Game, url: string) =>
  createClient({ url, store: pins, pinKey: "log", trustFirst: true, attempts: 1 });

/** A client of ours that asks for the head again and again, and proves each to extend the one before. */
async function watch(game: Game, url: string, until: Promise<void>, onSeen: () => void): Promise<TreeHead[]> {
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
