import type { Place } from "./attributes.ts";
import { noSuchQueue } from "./errors.ts";

/** What an action of SQS acts on: where it came in, and the queues of who calls. */
export interface SqsContext {
  readonly place: Place;
  /** Calls a method of queue as the caller. */
  readonly queue: (method: string, ...params: readonly unknown[]) => Promise<unknown>;
}

/** The queue that a URL of ours names. Another host in it is nothing: the request came here. */
export function queueOf(url: string, { tenant }: Place): string {
  const path = URL.canParse(url) ? new URL(url).pathname : url;
  const [, account, name] = /^\/sqs\/([^/]+)\/([\w.-]{1,80})$/.exec(path) ?? [];
  if (name === undefined || decodeURIComponent(account ?? "") !== tenant) throw noSuchQueue();
  return name;
}
