import type { Binding } from "../../../gateway.ts";
import { UsageError } from "../../exit.ts";

/** `NAME=VALUE` of an option that may come several times. @throws UsageError */
export function pairOf(option: string, text: string): { name: string; value: string } {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`${option} must be NAME=VALUE, got ${text}`);
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

/**
 * The dispatchers of `--dispatcher NAME=NAMESPACE`, each with what `--outbound NAME=FUNCTION,PARAMETER,...` says of it.
 * @throws UsageError
 */
export function dispatchersOf(dispatchers: readonly string[], outbounds: readonly string[]): Binding[] {
  const outboundOf = new Map(outbounds.map((text) => [pairOf("--outbound", text).name, pairOf("--outbound", text).value.split(",")]));
  const bindings = dispatchers.map((text): Binding => {
    const { name, value: namespace } = pairOf("--dispatcher", text);
    const [service = "", ...params] = outboundOf.get(name) ?? [];
    const outbound = { worker: { service }, ...(params.length > 0 ? { params: params.map((param) => ({ name: param })) } : {}) };
    return { type: "dispatch_namespace", name, namespace, ...(outboundOf.has(name) ? { outbound } : {}) };
  });
  const unknown = [...outboundOf.keys()].find((name) => !bindings.some((binding) => binding.name === name));
  if (unknown !== undefined) throw new UsageError(`--outbound is of a dispatcher, and there is no --dispatcher ${unknown}=NAMESPACE`);
  return bindings;
}
