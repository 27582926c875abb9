import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { unpackTar } from "modern-tar";
import { UsageError } from "../exit.ts";

/** A package as a tarball of npm's form. */
export interface Tarball {
  readonly id: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly integrity: string;
  /** What it needs: names to ranges. */
  readonly wants: Readonly<Record<string, string>>;
}

/** zod, zod@4, @scope/name@^1.2, and what a package.json can call by another name: npm:zod@4. */
const OF_REGISTRY = /^(?:[a-z0-9@/._~-]+@npm:)?(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*(?:@[A-Za-z0-9 .<>=~^*|+-]+)?$/;
const MOST_UNPACKED_BYTES = 256 * 1024 * 1024;

/**
 * Packages of the registry, by npm itself: with its configuration, its credentials and its check of integrity.
 * @throws UsageError with npm's words
 */
export async function fromRegistry(specs: readonly string[]): Promise<Tarball[]> {
  const foreign = specs.find((spec) => !OF_REGISTRY.test(spec));
  if (foreign !== undefined)
    throw new UsageError(`${foreign} is not of the registry: a package is zod@4, ./zod.tgz or https://.../zod.tgz`);
  const folder = await mkdtemp(join(tmpdir(), "doer-packages-"));
  try {
    const printed = await npm(["pack", "--json", "--ignore-scripts", "--pack-destination", folder, "--", ...specs]);
    const packed = JSON.parse(printed) as { filename: string; integrity: string }[];
    return await Promise.all(
      packed.map(async ({ filename, integrity }) => fromBytes(await readFile(join(folder, filename)), filename, integrity)),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws UsageError when it cannot be read */
export async function fromPlace(place: string): Promise<Tarball> {
  return fromBytes(await bytesAt(place), place, undefined);
}

async function bytesAt(place: string): Promise<Uint8Array> {
  try {
    if (!/^https?:/.test(place)) return await readFile(place);
    const response = await fetch(place);
    if (!response.ok) throw new Error(`it answers ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new UsageError(`cannot read ${place}: ${error instanceof Error ? error.message : "unknown error"}`);
  }
}

async function fromBytes(bytes: Uint8Array, place: string, wanted: string | undefined): Promise<Tarball> {
  const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
  if (wanted !== undefined && wanted !== integrity) throw new UsageError(`${place} has the integrity ${integrity}, and not ${wanted}`);
  const { name, version, dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = await manifestIn(bytes, place);
  const peers = Object.entries(peerDependencies).filter(([peer]) => peerDependenciesMeta[peer]?.optional !== true);
  return { id: `${name}@${version}`, name, bytes, integrity, wants: { ...Object.fromEntries(peers), ...dependencies } };
}

interface Manifest {
  name: string;
  version: string;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

async function manifestIn(bytes: Uint8Array, place: string): Promise<Manifest> {
  try {
    const tar = gunzipSync(bytes, { maxOutputLength: MOST_UNPACKED_BYTES });
    const [found] = await unpackTar(tar, { filter: ({ name }) => /^[^/]+\/package\.json$/.test(name) });
    const manifest = JSON.parse(new TextDecoder().decode(found?.data)) as Manifest;
    if (typeof manifest.name === "string" && typeof manifest.version === "string") return manifest;
  } catch {
    // Said below.
  }
  throw new UsageError(`${place} is no package: it must be a tarball of npm's form, with a package.json`);
}

function npm(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile("npm", args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const said = stderr.split("\n").filter((line) => /^npm (?:error|ERR!)/.test(line) && !/complete log|_logs/.test(line));
      const words = said.map((line) => line.replace(/^npm (?:error|ERR!) ?/, "")).join("\n");
      const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
      return reject(new UsageError(isMissing ? "npm is needed to fetch packages, and is not there" : words.trim() || error.message));
    });
  });
}
