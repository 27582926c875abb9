/**
 * A Worker: `input` is its request, its Response is the result. A small store of notes behind routes.
 *
 *     doer run examples/worker.ts --input '{"url":"/notes/first","method":"PUT","body":{"text":"hello"}}'
 *     doer run examples/worker.ts --input '{"url":"/notes/first"}'
 */
import type { GuestContext } from "../sdk/src/index.ts";

type Env = GuestContext["env"];

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, id] = /^\/notes\/([\w-]{1,64})$/.exec(new URL(request.url).pathname) ?? [];
    if (id === undefined) return new Response("There are only /notes/:id", { status: 404 });
    switch (request.method) {
      case "GET": {
        const note = await env.DO.db.get("notes", id);
        return note ? Response.json(note.data) : new Response("There is no such note", { status: 404 });
      }
      case "PUT": {
        const { entity, created } = await env.DO.db.upsert("notes", id, (await request.json()) as Record<string, unknown>);
        return Response.json({ id, version: entity.version }, { status: created ? 201 : 200 });
      }
      default:
        return new Response("The method must be GET or PUT", { status: 405, headers: { allow: "GET, PUT" } });
    }
  },
};
