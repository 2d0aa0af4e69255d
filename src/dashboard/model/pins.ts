/** What this browser remembers of each registry, so that it notices when one is exchanged or set back. */

import { advances, type Pin, type PinStore } from "../../client/index.ts";
import { forgetNoted } from "./handover.ts";

/** How a pin came to be. */
export type PinSource = "first-use" | "address";

const PIN = "tes-pin:";
const SOURCE = "tes-pin-source:";
const GIVEN = "tes-pin-given:";

/** Pins in localStorage, shared by all tabs. One that cannot be read is none: the next answer is then the first one. */
export function storedPins(storage: Storage): PinStore {
  const load = (key: string): Pin | undefined => {
    const text = storage.getItem(PIN + key);
    if (text === null) return undefined;
    try {
      const pin = JSON.parse(text) as Pin;
      return typeof pin.genesis === "string" && Number.isSafeInteger(pin.size) ? pin : undefined;
    } catch {
      return undefined;
    }
  };
  return {
    load: async (key) => load(key),
    save: async (key, pin) => {
      if (advances(load(key), pin)) storage.setItem(PIN + key, JSON.stringify(pin));
    },
  };
}

/** Where a pin came from. */
export function pinSource(storage: Storage, key: string): PinSource {
  return storage.getItem(SOURCE + key) === "address" ? "address" : "first-use";
}

/**
 * The genesis that a link gave for a registry before this browser knew it. It is kept before anything was asked, so that
 * what does not fit it is refused after a reload too; where a pin is remembered, that one counts and a link changes nothing.
 */
export function givenPin(storage: Storage, key: string, given?: string): string | undefined {
  if (given !== undefined && storage.getItem(PIN + key) === null) {
    storage.setItem(GIVEN + key, given);
    storage.setItem(SOURCE + key, "address" satisfies PinSource);
  }
  return given ?? storage.getItem(GIVEN + key) ?? undefined;
}

/** What a client believes a registry by. */
export type Trusting = { readonly genesis: string } | { readonly trustFirst: true };

export const trusting = (given: string | undefined): Trusting =>
  given === undefined ? { trustFirst: true } : { genesis: given };

/** Forgets a registry: whatever answers next is taken for it. Only a person may ask for that. */
export function forgetPin(storage: Storage, key: string): void {
  storage.removeItem(PIN + key);
  storage.removeItem(SOURCE + key);
  storage.removeItem(GIVEN + key);
  forgetNoted(storage, key);
}
