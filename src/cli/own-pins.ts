/**
 * What this user's own runs of tes pinned, kept outside of every project: a data directory that came with a download
 * brings pins of its own, and only these say whether it is one that was made or used here.
 */

import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Pin, PinStore } from "../client/pins.ts";
import { TesError } from "../core/errors.ts";
import type { DataPaths } from "./local/data.ts";
import type { CommandIo } from "./output.ts";
import { type FilePins, filePins } from "./pins.ts";

/** XDG Base Directory Specification 0.8: state that should survive, but is not configuration. */
export function userPins(io: CommandIo): FilePins {
  const state = io.env.XDG_STATE_HOME || join(io.env.HOME ?? homedir(), ".local", "state");
  return filePins(join(state, "tes", "pins"));
}

/** Under which key an authority of a data directory is pinned in it. A free port changes from start to start. */
export const localKey = (registry: string): string => `data:/${registry}`;

/** The pins of a data directory. What is saved in them is recorded as this user's own too. */
export function dataPins(io: CommandIo, paths: DataPaths, store: FilePins = filePins(paths.pins)): PinStore {
  return {
    load: store.load,
    async save(key, pin) {
      await store.save(key, pin);
      try {
        await userPins(io).save(await ownKey(key, paths), pin);
      } catch (thrown) {
        // Without a home nothing is recorded: a release is then verified with --data, or with a genesis.
        if (!(thrown instanceof TesError)) throw thrown;
      }
    },
  };
}

/** What this user's own runs pinned of a data directory. */
export async function ownPin(io: CommandIo, paths: DataPaths, registry: string): Promise<Pin | undefined> {
  return userPins(io).load(await ownKey(localKey(registry), paths));
}

async function ownKey(key: string, { root }: DataPaths): Promise<string> {
  return `${key}@${await realpath(root).catch(() => root)}`;
}
