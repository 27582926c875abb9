import { connect } from "../connect.ts";
import { DoError } from "../errors.ts";
import type { Session } from "../session.ts";
import { UsageError } from "./exit.ts";
import type { Globals } from "./globals.ts";

/** A session, and what ends the server behind it if it is ours. */
export interface Server {
  readonly session: Session;
  close(): Promise<void>;
}

/** The server that is configured; none is a mistake of the command line. */
export function configuredSession({ url, key }: Globals): Session {
  if (url === undefined) {
    throw new UsageError(
      "no server is configured: set DO_URL and DO_KEY, or pass --url and --key (only run and eval start a server of their own)",
    );
  }
  return open(url, key);
}

/** The server that is configured, or one that lives as long as this command. */
export async function configuredOrOwnServer(globals: Globals): Promise<Server> {
  if (globals.url !== undefined) return { session: open(globals.url, globals.key), close: async () => {} };
  // Loaded only here: the server brings a bundler.
  const { startOwnServer } = await import("./own-server.ts");
  const own = await startOwnServer();
  return { session: connect(own.url, own.key), close: () => own.close() };
}

function open(url: string, key: string | undefined): Session {
  try {
    return connect(url, key);
  } catch (error) {
    // Nothing was sent yet: what is wrong was typed.
    throw error instanceof DoError ? new UsageError(error.message) : error;
  }
}
