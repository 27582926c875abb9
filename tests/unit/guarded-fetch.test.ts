import { describe, expect, it } from "vitest";
import { checkUrl, guardedFetch, type WayOut } from "../../workers/core-services/shared/guarded-fetch.ts";

describe("URLs that do asks", () => {
  it.each(["https://idp.example/jwks.json", "https://a.b.example:443/x?y=1", "http://127.0.0.1:4000/jwks"])("%s is one", (url) => {
    expect(() => checkUrl(url, ["http://127.0.0.1:4000"])).not.toThrow();
  });

  it.each([
    "http://idp.example/jwks.json",
    "http://127.0.0.1:4001/jwks",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://169.254.169.254/latest/meta-data",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://localhost/",
    "https://a.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://user:pass@idp.example/",
    "https://idp.example:8443/",
    "https://intranet/",
    "ftp://idp.example/",
    "file:///etc/passwd",
    "no url",
  ])("%s is none", (url) => {
    expect(() => checkUrl(url, ["http://127.0.0.1:4000"])).toThrow(expect.objectContaining({ reason: "URL_NOT_ALLOWED" }));
  });
});

describe("guardedFetch()", () => {
  const by = (response: Response): Parameters<typeof guardedFetch>[1] => {
    const egress: WayOut = { fetch: () => Promise.resolve(response) };
    return { egress, loopbackOrigins: [], maxBytes: 10, timeoutMs: 1_000 };
  };

  it("takes what is there, up to its size and not a byte more", async () => {
    expect(await guardedFetch("https://a.example/", by(new Response("0123456789")))).toBe("0123456789");
    await expect(guardedFetch("https://a.example/", by(new Response("0123456789x")))).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it.each([301, 302, 307, 308, 204, 404, 500])("takes no %i", async (status) => {
    const response = new Response(null, { status, headers: { location: "https://evil.example/" } });
    await expect(guardedFetch("https://a.example/", by(response))).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining(String(status)),
    });
  });
});
