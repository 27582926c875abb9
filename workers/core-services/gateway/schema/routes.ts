import * as z from "zod";
import { defineMethod } from "../../shared/method.ts";
import { RouteName, RouteSpec } from "../routes/route.ts";
import { AnnouncedRequest, Time, WriteOptions } from "./shared.ts";

const RouteInfo = z.object({
  name: z.string(),
  route: z.unknown().meta({ description: "As it was set" }),
  target: z.string().meta({ description: "What its target is called in headers" }),
  createdAt: Time,
  updatedAt: Time,
});

const ofRoute = (args: readonly unknown[]) => `routes/${String(args[0])}`;

const Circuit = z.object({
  target: z.string(),
  state: z.enum(["closed", "open", "half-open"]),
  failures: z.int(),
  inFlight: z.int().meta({ description: "Requests to it now" }),
  openedAt: Time.optional(),
  nextProbeAt: Time.optional(),
});

export const routeMethods = {
  setRoute: defineMethod({
    summary: "Makes a route, or changes the one of that name",
    access: "manage",
    params: [
      ["name", RouteName],
      ["route", RouteSpec],
      ["options", WriteOptions],
    ],
    result: z.object({ name: z.string(), created: z.boolean() }),
    resource: ofRoute,
  }),
  getRoute: defineMethod({
    summary: "A route, or null",
    access: "read",
    params: [["name", RouteName]],
    result: RouteInfo.nullable(),
    resource: ofRoute,
  }),
  listRoutes: defineMethod({
    summary: "The routes of the tenant, by name",
    access: "read",
    params: [],
    result: z.object({ items: z.array(RouteInfo) }),
    resource: () => "routes/*",
  }),
  deleteRoute: defineMethod({
    summary: "Takes a route away",
    access: "manage",
    params: [
      ["name", RouteName],
      ["options", WriteOptions],
    ],
    result: z.object({ deleted: z.boolean() }),
    resource: ofRoute,
  }),
  match: defineMethod({
    summary: "Which route a request would take, and why not another; nothing is sent",
    access: "read",
    params: [["request", AnnouncedRequest.meta({ description: "As a caller would ask; its path may also begin beneath /r/<tenant>" })]],
    result: z.object({
      route: z.string().optional(),
      target: z.string().optional(),
      groups: z.record(z.string(), z.string()).optional(),
      why: z.array(z.object({ route: z.string(), because: z.string() })).meta({ description: "The routes that were asked, in order" }),
    }),
    resource: () => "routes/*",
  }),
  purge: defineMethod({
    summary: "Forgets kept answers: by tags, routes or URLs, or all",
    access: "write",
    params: [
      [
        "what",
        z
          .strictObject({
            tags: z.array(z.string().max(128)).max(100).optional(),
            routes: z.array(RouteName).max(100).optional(),
            urls: z.array(z.string().max(16_384)).max(100).optional(),
            all: z.literal(true).optional(),
          })
          .refine(
            (what) => Object.values(what).filter((member) => member !== undefined).length === 1,
            "must have one of tags, routes, urls and all",
          ),
      ],
    ],
    result: z.object({ purged: z.int() }),
    resource: () => "cache",
  }),
  listCircuits: defineMethod({
    summary: "How the targets of the tenant fare",
    access: "read",
    params: [],
    result: z.object({ items: z.array(Circuit) }),
    resource: () => "routes/*",
  }),
  closeCircuit: defineMethod({
    summary: "Has a target be asked again now",
    access: "write",
    params: [["target", z.string().max(256)]],
    result: z.object({ closed: z.boolean() }),
    resource: () => "routes/*",
  }),
  limit: defineMethod({
    summary: "Takes from a rate that is counted by a key of the caller's choice",
    access: "write",
    params: [
      ["key", z.string().min(1).max(255)],
      [
        "options",
        z.strictObject({
          limit: z.int().min(1).max(1_000_000),
          windowMs: z.int().min(1_000).max(86_400_000),
          cost: z.int().min(0).max(1_000_000).optional().meta({ description: "1 without it; 0 only looks" }),
        }),
      ],
    ],
    result: z.object({ allowed: z.boolean(), limit: z.int(), remaining: z.int(), resetMs: z.int(), retryAfterMs: z.int() }),
    resource: () => "limits",
  }),
};
