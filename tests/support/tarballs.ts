import { packTar, type TarHeader } from "modern-tar";

/** A package of npm's form: files by their path in it, package.json as an object. */
export async function tarballOf(
  manifest: object,
  files: Readonly<Record<string, string>>,
  more: readonly TarHeader[] = [],
): Promise<Uint8Array> {
  const all = Object.entries({ "package.json": JSON.stringify(manifest), ...files });
  const entries = all.map(([path, text]) => {
    const body = new TextEncoder().encode(text);
    return { header: { name: `package/${path}`, size: body.byteLength, type: "file" as const }, body };
  });
  const tar = await packTar([...entries, ...more.map((header) => ({ header }))]);
  const gzipped = new Blob([tar]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(gzipped).arrayBuffer());
}
