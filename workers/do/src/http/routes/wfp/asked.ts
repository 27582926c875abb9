import type { Context } from "hono";
import * as z from "zod";
import { STATUS_BY_CODE } from "../../../../../../sdk/src/errors.ts";
import { DoError, publicError } from "../../../errors.ts";
import { Session } from "../../../session.ts";
import { readBytes, readJson } from "../../body.ts";
import type { HttpEnv } from "../../env.ts";
import { readUpload, type Sent } from "./upload.ts";

/** What all routes of Workers for Platforms have in common: who asks for what, and the envelope of the answer. */

const MAX_UPLOAD_BYTES = 8 * 1024 * 1024;
const MAX_JSON_BYTES = 1024 * 1024;

export type Ctx = Context<HttpEnv>;
type Answer = (c: Ctx) => Promise<unknown>;

/** A route whose answer is in the envelope of Cloudflare. */
export function enveloped(answer: Answer) {
  return async (c: Ctx) => {
    const made = await outcome(c, () => answer(c));
    return made instanceof Response ? made : c.json({ success: true, errors: [], messages: [], result: made });
  };
}

/** What was asked for, or the answer that says why not. */
export async function outcome<T>(c: Ctx, answer: () => Promise<T>): Promise<T | Response> {
  try {
    checkAccount(c);
    return await answer();
  } catch (error) {
    const { code, message, reason } = publicError(asDoError(error), c.env.requestId);
    const body = { success: false, errors: [{ code: NUMBERS.get(reason ?? code) ?? 10_000, message }], messages: [], result: null };
    return c.json(body, STATUS_BY_CODE[code] as 400);
  }
}

/** As Cloudflare numbers them. */
const NUMBERS: ReadonlyMap<string, number> = new Map([
  ["NO_SUCH_FUNCTION", 10_007],
  ["NO_SUCH_NAMESPACE", 100_119],
  ["BUILD_FAILED", 10_021],
  ["DOES_NOT_LOAD", 10_021],
  ["NO_ENTRYPOINT", 10_021],
]);

function asDoError(error: unknown): unknown {
  if (!(error instanceof z.ZodError)) return error;
  const [issue] = error.issues;
  return new DoError("INVALID_ARGUMENT", `${issue?.path.join(".") || "The body"}: ${issue?.message ?? "is not valid"}`);
}

function checkAccount(c: Ctx): void {
  const { tenant } = Session.principalOf(c.var.caller);
  if (c.req.param("account") !== tenant) throw new DoError("NOT_FOUND", `There is no such account; here it is "${tenant}"`);
}

/** A method of the gateway, as who asks. */
export function ask<T>(c: Ctx, method: string, params: readonly unknown[]): Promise<T> {
  return Session.invoke(c.var.caller, "gateway", method, params) as Promise<T>;
}

/** The function that the path names. */
export function named(c: Ctx): string {
  return `${c.req.param("ns") ?? ""}/${c.req.param("script") ?? ""}`;
}

export function json(c: Ctx): Promise<unknown> {
  return readJson(c.req.raw, MAX_JSON_BYTES);
}

export async function sent(c: Ctx): Promise<Sent> {
  return readUpload(await readBytes(c.req.raw, MAX_UPLOAD_BYTES));
}
