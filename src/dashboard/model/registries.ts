/** Which registries there are to choose from. */

import { createClient, type PinStore } from "../../client/index.ts";
import { Access } from "./access.ts";
import { givenPin, trusting } from "./pins.ts";

/** Names, `default` first; none where the list cannot be read: it is only for choosing, an address names any registry. */
export async function listRegistries(url: string, store: PinStore, storage: Storage): Promise<readonly string[]> {
  const trust = trusting(givenPin(storage, `${url}/default`));
  const common = { url, registry: "default", store };
  const access = new Access({ ...common, trust, storage, now: Date.now });
  const client = createClient({ ...common, ...trust, session: { csrf: access.csrf } });
  try {
    return ["default", ...(await client.registries()).map(({ name }) => name)];
  } catch {
    return [];
  }
}
