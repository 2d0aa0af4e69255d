/** One SIGKILL, at a moment that is a count of events and never a time. */

import { watch } from "node:fs";
import type { Served, Victim } from "./authority.ts";
import type { Dice } from "./dice.ts";

/**
 * A request was handed to the kernel; workerd wrote to the object's files, so that a commit is under way; a receipt came;
 * a watching client proved a new tree head.
 */
export type Event = "sent" | "stored" | "acknowledged" | "seen";

export interface Moment {
  readonly event: Event;
  readonly count: number;
}

/** The one shot of a round. */
export interface Attack {
  count(event: Event): void;
  /** Kills if the moment has not come yet. */
  now(): void;
  readonly done: Promise<void>;
  /** Whether the moment came by itself. */
  readonly reached: boolean;
}

/** A watching client is one among many writers, and commits group: counts that a load does reach. */
const MOST_SEEN = 12;
const MOST_STORED = 600;

export function drawMoment(dice: Dice, mostWrites: number): Moment {
  const event = dice.pick<Event>(["sent", "stored", "stored", "acknowledged", "seen"]);
  const most = event === "seen" ? MOST_SEEN : event === "stored" ? MOST_STORED : mostWrites;
  return { event, count: dice.between(1, most) };
}

/** Tells of each write to a directory's files, until it is disposed of. */
export function watchFiles(dir: string, onWrite: () => void): Disposable {
  const watcher = watch(dir, onWrite);
  return { [Symbol.dispose]: () => watcher.close() };
}

export function aim(authority: Served, victim: Victim, moment: Moment): Attack {
  const { promise, resolve } = Promise.withResolvers<void>();
  let [counted, killed, reached] = [0, false, false];
  const now = () => {
    if (killed) return;
    killed = true;
    authority.kill(victim);
    resolve();
  };
  return {
    now,
    done: promise,
    get reached() {
      return reached;
    },
    count(event) {
      if (killed || event !== moment.event || ++counted < moment.count) return;
      reached = true;
      now();
    },
  };
}
