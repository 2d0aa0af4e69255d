/** A value that no printer shows: redaction by type, so that no call site has to remember it. */

const REDACTED = "[secret]";

/** Beside the objects, not in them: the console of a browser shows private fields too, and asks no object for leave. */
const values = new WeakMap<object, unknown>();

/**
 * Holds a secret. String conversion, JSON, and the inspectors of Node, Bun, Deno and workerd all show `[secret]`; the
 * console of a browser shows an object without anything in it.
 *
 * @example
 * const key = new Secret(crypto.getRandomValues(new Uint8Array(32)));
 * `${key}`; // "[secret]"
 * key.reveal().length; // 32
 */
export class Secret<T> {
  /** Never there: it keeps look-alikes from being taken for a secret. */
  declare protected readonly kind: T;

  constructor(value: T) {
    values.set(this, value);
  }

  /** The value itself. Every call of this is a place to review. */
  reveal(): T {
    return values.get(this) as T;
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
