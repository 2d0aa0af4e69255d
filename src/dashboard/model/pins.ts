/** What this browser remembers of each registry, so that it notices when one is exchanged or set back. */

import { advances, type Pin, type PinStore } from "../../client/index.ts";

/** How a pin came to be. */
export type PinSource = "first-use" | "address";

const PIN = "tes-pin:";
const SOURCE = "tes-pin-source:";

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

/** Reads or notes where a pin came from; the first one stays. */
export function pinSource(storage: Storage, key: string, source?: PinSource): PinSource {
  const known = storage.getItem(SOURCE + key);
  if (source === "address" || (source !== undefined && known === null)) storage.setItem(SOURCE + key, source);
  return (storage.getItem(SOURCE + key) as PinSource | null) ?? "first-use";
}

/** Forgets a registry: whatever answers next is taken for it. Only a person may ask for that. */
export function forgetPin(storage: Storage, key: string): void {
  storage.removeItem(PIN + key);
  storage.removeItem(SOURCE + key);
}
