/** A value that no printer shows: redaction by type, so that no call site has to remember it. */

const REDACTED = "[secret]";

/**
 * Holds a secret. String conversion, JSON, and the inspectors of Node, Bun and Deno all show `[secret]`.
 *
 * @example
 * const key = new Secret(crypto.getRandomValues(new Uint8Array(32)));
 * `${key}`; // "[secret]"
 * key.reveal().length; // 32
 */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. Every call of this is a place to review. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.toPrimitive](): string {
    return REDACTED;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return REDACTED;
  }

  [Symbol.for("Deno.customInspect")](): string {
    return REDACTED;
  }
}
