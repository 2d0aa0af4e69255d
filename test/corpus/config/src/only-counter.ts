/** An entry point that exports less than others. */

export class Counter {
  fetch(): Response {
    return new Response("counter");
  }
}

export default {
  fetch(): Response {
    return new Response("worker");
  },
};
