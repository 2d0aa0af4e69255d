/**
 * Workers KV on one machine: workerd turns each operation of a `kvNamespace` binding into an HTTP request for the key,
 * and this Worker answers it from one SQLite Durable Object.
 *
 * Only what TES uses of KV: get, put with metadata, delete. Listing and expiry are refused rather than ignored.
 * The types are spelt out because only src/worker/ may name those of `cloudflare:workers`.
 */

interface Rows {
  toArray(): Record<string, ArrayBuffer | string | number | null>[];
}

interface ObjectState {
  readonly storage: {
    readonly sql: { exec(query: string, ...values: unknown[]): Rows };
    transactionSync(work: () => void): void;
  };
}

interface Env {
  readonly STORE: {
    idFromName(name: string): unknown;
    get(id: unknown): { fetch(request: Request): Promise<Response> };
  };
}

/** KV takes keys of at most 512 bytes (Cloudflare's limit; the URL form is what we see, three bytes for one). */
const MAX_KEY_CHARS = 1_536;
/** KV takes values of at most 25 MiB (Cloudflare's limit). */
const MAX_VALUE_BYTES = 26_214_400;
/** A SQLite row in a Durable Object holds at most 2 MB, so that values are kept in parts. */
const PART_BYTES = 1_048_576;
const METADATA = "CF-KV-Metadata";

export default {
  fetch: (request: Request, env: Env): Promise<Response> => env.STORE.get(env.STORE.idFromName("kv")).fetch(request),
};

/** The one object that holds every key. */
export class KvStore {
  readonly #storage: ObjectState["storage"];

  constructor(state: ObjectState) {
    this.#storage = state.storage;
    this.#storage.sql.exec(`CREATE TABLE IF NOT EXISTS entry (
      key TEXT NOT NULL, part INTEGER NOT NULL, metadata TEXT, bytes BLOB NOT NULL, PRIMARY KEY (key, part)
    ) WITHOUT ROWID`);
  }

  async fetch(request: Request): Promise<Response> {
    // The body is read whatever comes: workerd takes an unread one for a broken connection.
    const body = await request.arrayBuffer();
    const url = new URL(request.url);
    const key = url.pathname.slice(1);
    if (key === "" || url.searchParams.has("expiration") || url.searchParams.has("expiration_ttl")) {
      return refuse(501, "This KV has get, put and delete, without listing and expiry.");
    }
    if (key.length > MAX_KEY_CHARS) return refuse(414, "The key is longer than 512 bytes.");
    if (request.method === "GET") return this.#get(key);
    if (request.method === "PUT") return this.#put(key, request.headers.get(METADATA), new Uint8Array(body));
    if (request.method === "DELETE") return this.#delete(key);
    return refuse(405, "This KV has get, put and delete.");
  }

  #get(key: string): Response {
    const rows = this.#storage.sql.exec("SELECT metadata, bytes FROM entry WHERE key = ? ORDER BY part", key).toArray();
    if (rows.length === 0) return refuse(404, "There is no such key.");
    const metadata = rows[0]!.metadata;
    const headers = new Headers();
    if (typeof metadata === "string") headers.set(METADATA, metadata);
    return new Response(new Blob(rows.map((row) => row.bytes as ArrayBuffer)), { headers });
  }

  #put(key: string, metadata: string | null, value: Uint8Array): Response {
    if (value.length > MAX_VALUE_BYTES) return refuse(413, "The value is longer than 25 MiB.");
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec("DELETE FROM entry WHERE key = ?", key);
      for (let part = 0; part === 0 || part * PART_BYTES < value.length; part++) {
        const bytes = value.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
        this.#storage.sql.exec("INSERT INTO entry VALUES (?, ?, ?, ?)", key, part, metadata, bytes);
      }
    });
    return new Response(null);
  }

  #delete(key: string): Response {
    this.#storage.sql.exec("DELETE FROM entry WHERE key = ?", key);
    return new Response(null);
  }
}

/** workerd shows the status text to whoever called the binding. */
function refuse(status: number, statusText: string): Response {
  return new Response(null, { status, statusText });
}
