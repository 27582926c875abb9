import type { RouteSpec } from "../../sdk/src/gateway.ts";
import type { TestHost } from "./host.ts";

/** The gateway of a host, as who holds the root key. */
export interface TestGateway {
  /** Calls a method, whatever comes of it. */
  attempt(method: string, ...params: unknown[]): Promise<{ status: number; body: { result?: unknown } & Record<string, unknown> }>;
  /** @returns its result @throws Error with the problem */
  call(method: string, ...params: unknown[]): Promise<unknown>;
  /** Makes a route of its own name for all beneath `/<name>/`, open to all. @returns its path */
  route(spec: Partial<RouteSpec> & Pick<RouteSpec, "target">): Promise<string>;
}

let made = 0;

export function gatewayOf(host: TestHost): TestGateway {
  const attempt: TestGateway["attempt"] = async (method, ...params) => {
    const response = await host.ask(`/rpc/gateway/${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ params }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const call: TestGateway["call"] = async (method, ...params) => {
    const { status, body } = await attempt(method, ...params);
    if (status !== 200) throw new Error(JSON.stringify(body));
    return body.result;
  };
  const route: TestGateway["route"] = async (spec) => {
    const name = `route-${++made}`;
    await call("setRoute", name, { match: { path: `/${name}/*` }, auth: "none", circuit: false, ...spec });
    return `/r/root/${name}`;
  };
  return { attempt, call, route };
}
