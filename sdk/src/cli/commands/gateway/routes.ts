import type { Command } from "commander";
import type { RouteInfo, RouteSpec } from "../../../gateway.ts";
import type { Act } from "../../act.ts";
import { EXIT } from "../../exit.ts";
import { printable, printableLine } from "../../output/printable.ts";
import { table } from "../../output/table.ts";
import { jsonToStdout, toStderr, toStdout } from "../../output/write.ts";
import { configuredSession } from "../../server.ts";
import { addCircuits } from "./circuits.ts";
import { jsonFrom } from "./json-from.ts";
import { requestOf, withRequestOptions } from "./request-options.ts";

/** `doer routes ...` */
export function addRoutes(program: Command, act: Act): void {
  const routes = program.command("routes").description("what requests from outside lead to");
  routes
    .command("set")
    .description("make a route, or change the one of that name, from a file of JSON (- is standard input)")
    .argument("<name>")
    .argument("<file>")
    .action(
      act(async (globals, [name, file]) => {
        const answer = await configuredSession(globals).gateway.setRoute(String(name), (await jsonFrom(String(file))) as RouteSpec);
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${printableLine(answer.name)} is ${answer.created ? "made" : "changed"}`);
        return EXIT.ok;
      }),
    );
  routes
    .command("list")
    .description("list the routes of the tenant, by name")
    .action(
      act(async (globals) => {
        const page = await configuredSession(globals).gateway.listRoutes();
        if (globals.json) jsonToStdout(page);
        else if (page.items.length === 0) toStderr("There are no routes.");
        else toStdout(table(["NAME", "MATCHES", "TARGET", "AUTH"], page.items.map(row)));
        return EXIT.ok;
      }),
    );
  routes
    .command("show")
    .description("print a route")
    .argument("<name>")
    .action(
      act(async (globals, [name]) => {
        const route = await configuredSession(globals).gateway.getRoute(String(name));
        if (globals.json) jsonToStdout(route);
        else if (route) toStdout(printable(JSON.stringify(route.route, null, 2)));
        else toStderr("There is no such route.");
        return route ? EXIT.ok : EXIT.server;
      }),
    );
  routes
    .command("delete")
    .description("take a route away")
    .argument("<name>")
    .action(
      act(async (globals, [name]) => {
        const answer = await configuredSession(globals).gateway.deleteRoute(String(name));
        if (globals.json) jsonToStdout(answer);
        else toStdout(`${printableLine(String(name))} ${answer.deleted ? "is gone" : "was not there"}`);
        return EXIT.ok;
      }),
    );
  withRequestOptions(routes.command("match").description("say which route a request would take, and why not another")).action(
    act(async (globals, [url], options) => {
      const matched = await configuredSession(globals).gateway.match(requestOf(url, options));
      if (globals.json) jsonToStdout(matched);
      else {
        for (const { route, because } of matched.why) toStdout(printableLine(`${route}: ${because}`));
        toStdout(printableLine(matched.route === undefined ? "no route" : `${matched.route} -> ${matched.target ?? ""}`));
      }
      return EXIT.ok;
    }),
  );
  addPurge(routes, act);
  addCircuits(routes, act);
}

function addPurge(routes: Command, act: Act): void {
  routes
    .command("purge")
    .description("forget kept answers: of all routes, or by one of the options")
    .option("--tag <tag...>", "those that have one of the tags")
    .option("--route <name...>", "those of the routes")
    .option("--url <url...>", "those of the URLs")
    .action(
      act(async (globals, _args, { tag, route, url }) => {
        const given = Object.entries({ tags: tag, routes: route, urls: url }).filter(([, value]) => value !== undefined);
        const what = given.length === 0 ? { all: true as const } : Object.fromEntries(given);
        const answer = await configuredSession(globals).gateway.purge(what);
        if (globals.json) jsonToStdout(answer);
        else toStdout(`forgot ${answer.purged}`);
        return EXIT.ok;
      }),
    );
}

function row({ name, route, target }: RouteInfo): string[] {
  const { match, auth = "tenant" } = route as RouteSpec;
  return [name, `${match.methods?.join(",") ?? "any"} ${match.host ?? ""}${match.path}`, target, auth];
}
