/** The object's one alarm, for all who want to be woken. Alarms come at least once, so each job may run again. */

export interface Alarm {
  /** Wakes the object then, or earlier. Milliseconds. */
  wakeAt(at: number): Promise<void>;
  /** Runs the jobs; each says when it wants to run again. */
  ring(jobs: readonly ((now: number) => Promise<number | undefined>)[]): Promise<void>;
}

export function createAlarm(storage: Pick<DurableObjectStorage, "getAlarm" | "setAlarm">): Alarm {
  let set: number | null | undefined;
  const wakeAt = async (at: number): Promise<void> => {
    if (set === undefined) set = await storage.getAlarm();
    // In the past: it has fired, or is about to, and every job is asked again.
    if (set !== null && set !== undefined && set <= at) return;
    set = at;
    await storage.setAlarm(at);
  };
  return {
    wakeAt,
    async ring(jobs) {
      set = null;
      const now = Date.now();
      const results = await Promise.allSettled(jobs.map((job) => job(now)));
      const times = results.flatMap((result) => (result.status === "fulfilled" ? (result.value ?? []) : []));
      if (times.length > 0) await wakeAt(Math.max(Math.min(...times), now + 1));
      // The platform tries again, with growing pauses.
      const failed = results.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    },
  };
}
