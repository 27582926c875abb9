import { unpackTar } from "modern-tar";
import * as z from "zod";
import { DoError } from "../../../../sdk/src/errors.ts";
import { PACKAGE_LIMITS } from "./limits.ts";
import { PackageName, PackageVersion } from "./names.ts";

export interface Unpacked {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  /** package.json, as JSON has it. */
  readonly manifest: Readonly<Record<string, unknown>>;
  /** What can be bundled, by its path in the package. */
  readonly files: readonly (readonly [path: string, text: string])[];
}

/** What code is made of; types, maps and TypeScript sources are for editors. */
const KEPT = /\.(?:[cm]?js|jsx|json)$/;
const PATH = /^(?:[A-Za-z0-9_@+~-][A-Za-z0-9_.@+~ -]*\/){0,30}[A-Za-z0-9_@+~-][A-Za-z0-9_.@+~ -]*$/;
const Manifest = z.looseObject({ name: PackageName, version: PackageVersion });

/**
 * A package of npm's form, read in memory: nothing is written to a path that it names, links in it are left out.
 * @param base64 a tarball, compressed by gzip
 * @throws DoError INVALID_ARGUMENT, TOO_LARGE; PRECONDITION_FAILED when it is not what `integrity` says
 */
export async function unpack(base64: string, integrity: string | undefined): Promise<Unpacked> {
  const bytes = bytesOf(base64);
  const found = await integrityOf(bytes);
  if (integrity !== undefined && integrity !== found) {
    throw new DoError("PRECONDITION_FAILED", `Cannot add the package: its integrity is ${found}, and not ${integrity}`, {
      reason: "INTEGRITY_MISMATCH",
    });
  }
  const texts = await textsOf(bytes);
  const manifest = manifestOf(texts.get("package.json"));
  return { name: manifest.name, version: manifest.version, integrity: found, manifest, files: [...texts] };
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(base64);
  } catch {
    throw invalid("the tarball must be base64");
  }
}

async function integrityOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return `sha512-${new Uint8Array(await crypto.subtle.digest("SHA-512", bytes)).toBase64()}`;
}

async function textsOf(bytes: Uint8Array<ArrayBuffer>): Promise<Map<string, string>> {
  let size = 0;
  const bound = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.byteLength;
      if (size > PACKAGE_LIMITS.unpackedBytes) controller.error(tooLarge("unpacked", PACKAGE_LIMITS.unpackedBytes));
      else controller.enqueue(chunk);
    },
  });
  try {
    const tar = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).pipeThrough(bound);
    const entries = await unpackTar(tar, {
      filter: ({ name, type }) => type === "file" && KEPT.test(name) && name.includes("/") && PATH.test(within(name)),
    });
    return checked(entries.map(({ header, data }) => [within(header.name), data ?? new Uint8Array()] as const));
  } catch (error) {
    if (error instanceof DoError) throw error;
    if (size > PACKAGE_LIMITS.unpackedBytes) throw tooLarge("unpacked", PACKAGE_LIMITS.unpackedBytes);
    throw invalid("the tarball cannot be read: it must be a tar file that is compressed by gzip");
  }
}

/** Without its one folder, which is called `package` most of the time. */
function within(name: string): string {
  return name.slice(name.indexOf("/") + 1);
}

function checked(entries: readonly (readonly [path: string, bytes: Uint8Array])[]): Map<string, string> {
  if (entries.length > PACKAGE_LIMITS.files) throw invalid(`it must have at most ${PACKAGE_LIMITS.files} files, got ${entries.length}`);
  const bytes = entries.reduce((sum, [, { byteLength }]) => sum + byteLength, 0);
  if (bytes > PACKAGE_LIMITS.codeBytes) throw tooLarge("of code", PACKAGE_LIMITS.codeBytes);
  const decoder = new TextDecoder();
  return new Map(entries.map(([path, data]) => [path, decoder.decode(data)]));
}

function manifestOf(text: string | undefined): z.infer<typeof Manifest> {
  try {
    return Manifest.parse(JSON.parse(text ?? ""));
  } catch {
    throw invalid("its package.json must have a name and a version");
  }
}

function invalid(problem: string): DoError {
  return new DoError("INVALID_ARGUMENT", `Cannot add the package: ${problem}`);
}

function tooLarge(what: string, most: number): DoError {
  return new DoError("TOO_LARGE", `Cannot add the package: it must be at most ${most} bytes ${what}`);
}
