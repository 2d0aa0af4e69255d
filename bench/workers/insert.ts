/** The least that a Worker with a Durable Object can store: one row, one commit. */

import { DurableObject } from "cloudflare:workers";

interface Env {
  OBJECT: DurableObjectNamespace<BenchObject>;
}

export class BenchObject extends DurableObject<Env> {
  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    state.storage.sql.exec("CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)");
  }

  insert(body: string): void {
    this.ctx.storage.sql.exec("INSERT INTO entry (body) VALUES (?)", body);
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    await env.OBJECT.get(env.OBJECT.idFromName("bench")).insert(await request.text());
    return new Response("stored");
  },
};
