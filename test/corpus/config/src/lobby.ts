export class Lobby {
  fetch(): Response {
    return new Response("lobby");
  }
}
