import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect, type SecureVersion, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { IncomingMessage } from "node:http";
import { testIngress, type TestIngress } from "../../support/ingress.ts";
import { answersIn, open, bytes } from "../../support/wire.ts";

let folder: string;
let files: { certFile: string; keyFile: string };
let ingress: TestIngress;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "do-tls-"));
  files = { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") };
  makeCertificate("first");
  ingress = await testIngress({ tls: files });
});
afterAll(async () => {
  await ingress.stop();
  rmSync(folder, { recursive: true });
});

function makeCertificate(name: string): void {
  const { certFile, keyFile } = files;
  const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", [...kind, "-subj", `/CN=${name}`, "-keyout", keyFile, "-out", certFile], { stdio: "ignore" });
}

async function shake(version: { minVersion?: SecureVersion; maxVersion?: SecureVersion } = {}): Promise<TLSSocket> {
  const socket = connect({ port: ingress.port, host: "127.0.0.1", rejectUnauthorized: false, ciphers: "DEFAULT@SECLEVEL=0", ...version });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

async function nameOfCertificate(): Promise<string | undefined> {
  const socket = await shake();
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

describe("TLS", () => {
  it("serves, and tells the front the scheme", async () => {
    expect(ingress.url).toMatch(/^https:/);
    const asked = request(`${ingress.url}/a`, { method: "POST", rejectUnauthorized: false }).end("abc");
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    expect(JSON.parse(await text(answer))).toMatchObject({ method: "POST", url: "/a", body: "abc" });
    expect(new Map(ingress.front.seen[0]?.headers).get("x-do-scheme")).toBe("https");
  });

  it("is strict about what comes through it", async () => {
    const socket = await shake();
    socket.write("GET / HTTP/1.1\nHost: x\n\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answersIn(answer).answers.map(({ status }) => status)).toEqual([400]);
    await once(socket, "end");
  });

  it("1.2 and 1.3 are spoken, 1.1 is not", async () => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = await shake({ minVersion: version, maxVersion: version });
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
    await expect(shake({ minVersion: "TLSv1.1", maxVersion: "TLSv1.1" })).rejects.toThrow(/protocol version|unsupported/i);
  });

  it("what is not TLS is closed", async () => {
    const socket = await open(ingress.port);
    socket.write(bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    await once(socket.resume(), "close");
    expect(socket.bytesRead).toBe(0);
  });

  it("takes a new certificate when it is told to, and keeps the old one when the new one is none", async () => {
    expect(await nameOfCertificate()).toBe("first");
    makeCertificate("second");
    ingress.reloadCertificate();
    expect(await nameOfCertificate()).toBe("second");
    writeFileSync(files.certFile, "no certificate");
    ingress.reloadCertificate();
    expect(await nameOfCertificate()).toBe("second");
    expect(ingress.log.filter(({ event }) => event.startsWith("certificate"))).toMatchObject([
      { event: "certificate-loaded" },
      { event: "certificate-refused", message: expect.any(String) },
    ]);
  });

  it("takes a new certificate by itself when the files change", async () => {
    makeCertificate("third");
    await expect.poll(nameOfCertificate, { timeout: 20_000 }).toBe("third");
  });

  it("does not start with a key of another certificate", async () => {
    const other = { ...files, keyFile: join(folder, "other.pem") };
    execFileSync("openssl", ["genpkey", "-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", other.keyFile], {
      stdio: "ignore",
    });
    await expect(testIngress({ tls: other })).rejects.toThrow(/key/i);
  });
});
