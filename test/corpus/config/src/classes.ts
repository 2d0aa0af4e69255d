/** The entry point of most configurations here. */

import { Lobby } from "./lobby.ts";

class Durable {
  fetch(): Response {
    return new Response("durable");
  }
}

export class Counter extends Durable {}
export class Room extends Durable {}
export class VersionManagementDO extends Durable {}
export { Lobby };

export default {
  fetch(): Response {
    return new Response("worker");
  },
};
