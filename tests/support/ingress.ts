import { startIngress, type Ingress, type IngressOptions } from "../../host/src/ingress/ingress.ts";
import type { IngressEvent } from "../../host/src/ingress/log.ts";
import { startRecorder, type Recorder } from "./recorder.ts";

export interface TestIngress extends Ingress {
  readonly front: Recorder;
  readonly log: IngressEvent[];
}

/** An ingress before a recorder, on a free port. What it keeps open behind a refusal is short. */
export async function testIngress({ limits, ...options }: Partial<IngressOptions> = {}): Promise<TestIngress> {
  const front = await startRecorder();
  const log: IngressEvent[] = [];
  const ingress = await startIngress({
    host: "127.0.0.1",
    port: 0,
    upstream: async () => front.address,
    log: (event) => log.push(event),
    ...options,
    limits: { lingerMs: 200, sweepMs: 20, connections: 1_000, ...limits },
  });
  return {
    front,
    log,
    url: ingress.url,
    port: ingress.port,
    reloadCertificate: () => ingress.reloadCertificate(),
    drain: () => ingress.drain(),
    stop: async () => {
      await ingress.stop();
      await front.stop();
    },
  };
}
