import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SessionTokens } from "../auth.ts";
import { connect } from "../connect.ts";
import type { Globals } from "./globals.ts";

/** What is kept of a sign-in, for one server. */
interface Login {
  readonly token: string;
  readonly refreshToken: string;
  readonly expiresAt: string;
}

/** A token that ends while a command runs is no use. */
const MARGIN_MS = 60_000;
const LOCK_TRIES = 200;
const LOCK_WAIT_MS = 50;
const STALE_LOCK_MS = 30_000;

/** The credential that `doer login` has kept for the server, made new when it is about to end; unless one was given. */
export async function withSavedLogin(globals: Globals): Promise<Globals> {
  const { url, key } = globals;
  if (url === undefined || key !== undefined) return globals;
  const login = readLogins()[originOf(url)];
  if (!login) return globals;
  if (isGood(login)) return { ...globals, key: login.token };
  return { ...globals, key: await refreshed(url) };
}

export function saveLogin(url: string, tokens: SessionTokens): Promise<void> {
  return locked(() => write({ ...readLogins(), [originOf(url)]: toLogin(tokens) }));
}

/** @returns whether there was one */
export function forgetLogin(url: string): Promise<boolean> {
  return locked(() => {
    const { [originOf(url)]: login, ...others } = readLogins();
    write(others);
    return login !== undefined;
  });
}

/** In turn, and looked at again when it is: a refresh token that two send ends the session for both. */
function refreshed(url: string): Promise<string | undefined> {
  return locked(async () => {
    const logins = readLogins();
    const login = logins[originOf(url)];
    if (!login || isGood(login)) return login?.token;
    const tokens = await connect(url).auth.refreshSession(login.refreshToken);
    write({ ...logins, [originOf(url)]: toLogin(tokens) });
    return tokens.token;
  });
}

function isGood({ expiresAt }: Login): boolean {
  return Date.parse(expiresAt) > Date.now() + MARGIN_MS;
}

function toLogin({ token, refreshToken, expiresAt }: SessionTokens): Login {
  return { token, refreshToken, expiresAt };
}

function originOf(url: string): string {
  return new URL(url).origin;
}

function folder(): string {
  return join(process.env["XDG_CONFIG_HOME"] || join(homedir(), ".config"), "doer");
}

function readLogins(): Record<string, Login> {
  try {
    return JSON.parse(readFileSync(join(folder(), "logins.json"), "utf8")) as Record<string, Login>;
  } catch {
    return {};
  }
}

/** For its owner alone, and whole at every moment. */
function write(logins: Record<string, Login>): void {
  const file = join(folder(), "logins.json");
  writeFileSync(`${file}.new`, `${JSON.stringify(logins, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

async function locked<T>(run: () => T | Promise<T>): Promise<T> {
  mkdirSync(folder(), { recursive: true, mode: 0o700 });
  const file = join(folder(), "logins.lock");
  await lock(file);
  try {
    return await run();
  } finally {
    rmSync(file, { force: true });
  }
}

async function lock(file: string, tries = LOCK_TRIES): Promise<void> {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || tries === 0) throw error;
    const since = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
    // Whoever held it has ended without a word.
    if (since !== undefined && Date.now() - since > STALE_LOCK_MS) rmSync(file, { force: true });
    else await sleep(LOCK_WAIT_MS);
    await lock(file, tries - 1);
  }
}
