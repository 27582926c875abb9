import { WorkerEntrypoint } from "cloudflare:workers";
import type { FunctionProgram, Report } from "../do/src/executor/executor.ts";
import type { FunctionHost } from "../do/src/executor/guest/function-protocol.ts";
import { RunStop } from "../do/src/executor/isolate-runner.ts";
import type { FunctionObject, ObjectStub } from "../do/src/objects/function-object.ts";

export { FunctionObject } from "../do/src/objects/function-object.ts";

interface Env {
  FUNCTION_OBJECTS: DurableObjectNamespace<FunctionObject>;
}

/**
 * The objects of one function of one tenant, with all that they have stored and nothing else: it has one folder, no
 * network, no secret and nobody to call. What a call may use comes with it.
 */
export default class HomeProcess extends WorkerEntrypoint<Env> {
  /** Answers "alive" when the thread is free. */
  override fetch(): Response {
    return new Response("alive");
  }

  /** The same for the front: a call that changes nothing. */
  alive(): void {}

  /** `lease` is the supervisor's name for the call, which the code never sees; the key of the object is a hash. */
  call(lease: string, owner: string, program: FunctionProgram, host: FunctionHost, code: () => Promise<string>): Promise<Report> {
    const asked = Promise.withResolvers<string>();
    stops.set(lease, asked.resolve);
    return leased(lease, () => this.#object(program.objectKey ?? "").call(program, owner, host, new RunStop(asked.promise), code));
  }

  /** Asks a call to end. */
  stop(lease: string, reason: string): void {
    stops.get(lease)?.(reason);
  }

  /** Deletes what these objects have stored. */
  forget(lease: string, keys: readonly string[]): Promise<void> {
    return leased(lease, async () => {
      for (const key of keys) await this.#object(key).forget();
    });
  }

  #object(key: string): ObjectStub {
    return this.env.FUNCTION_OBJECTS.getByName(key);
  }
}

const stops = new Map<string, (reason: string) => void>();

async function leased<T>(lease: string, work: () => Promise<T>): Promise<T> {
  console.log(`began ${lease}`);
  try {
    return await work();
  } finally {
    stops.delete(lease);
    console.log(`done ${lease}`);
  }
}
