/**
 * A body: statements with `return`, the services in scope by name. Keeps a guestbook in `db`, one document for each guest.
 *
 *     doer run examples/guestbook.ts --input '{"name":"Ada"}'
 */
// @ts-nocheck -- a body has `return` at its top, and names that only do gives it
const name = String(input?.name ?? "somebody");

const before = await db.get("guests", name);
const visits = (before?.data.visits ?? 0) + 1;
// Only over what was read: two visits at once do not count as one.
await db.upsert("guests", name, { visits }, { ifVersion: before?.version ?? 0 });

const { count } = await db.count("guests");
console.log(`visit ${visits} of ${name}`);
return { name, visits, guests: count };
