/** One SIGKILL, at a moment that is a count of events and never a time. */

import type { Served, Victim } from "./authority.ts";
import type { Dice } from "./dice.ts";

/** A request was handed to the kernel; a receipt came; a watching client proved a new tree head. */
export type Event = "sent" | "acknowledged" | "seen";

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

/** A watching client is one among many writers: it does not get to ask more often than this. */
const MOST_SEEN = 12;

export function drawMoment(dice: Dice, mostWrites: number): Moment {
  const event = dice.pick<Event>(["sent", "acknowledged", "seen"]);
  return { event, count: dice.between(1, event === "seen" ? MOST_SEEN : mostWrites) };
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
