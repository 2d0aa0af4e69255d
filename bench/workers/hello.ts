/** The least that a Worker can answer. */

export default { fetch: (): Response => new Response("hello") };
