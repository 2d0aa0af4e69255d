/** What a client remembers about a registry between requests, so that the authority cannot take anything back. */

/** One registry, as it was when it was last proved. */
export interface Pin {
  /** Leaf hash of the genesis, 64 hex characters. */
  readonly genesis: string;
  /** Origin of the log. */
  readonly origin: string;
  /** Public key of the log, base64url. */
  readonly logKey: string;
  /** The highest size of the log that was verified; 0 before the first checkpoint. */
  readonly size: number;
  /** Its root, base64. */
  readonly root: string;
  /** How many announcements the key chain had; absent for none. It never gets shorter. */
  readonly announced?: number;
  /** The epoch of the log; absent for the first. A restore under the recovery key is the only way to the next. */
  readonly epoch?: number;
}

/**
 * Where pins are kept. A store may be shared by several clients: `save` never goes back from a larger size to a
 * smaller one of the same genesis and epoch.
 */
export interface PinStore {
  load(key: string): Promise<Pin | undefined>;
  save(key: string, pin: Pin): Promise<void>;
}

/** Whether `next` may take the place of `known`. */
export function advances(known: Pin | undefined, next: Pin): boolean {
  if (known === undefined || known.genesis !== next.genesis) return true;
  const [was, is] = [known.epoch ?? 1, next.epoch ?? 1];
  return is > was || (is === was && next.size >= known.size);
}

/**
 * Pins for the life of one process.
 *
 * @example
 * const store = memoryPins();
 * const client = createClient({ url: "https://tes.example", trustFirst: true, store });
 */
export function memoryPins(): PinStore {
  const pins = new Map<string, Pin>();
  return {
    load: async (key) => pins.get(key),
    save: async (key, pin) => {
      if (advances(pins.get(key), pin)) pins.set(key, pin);
    },
  };
}
