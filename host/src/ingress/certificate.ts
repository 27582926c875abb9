/** The certificate of a TLS ingress: read from files, and again when they change. */
import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Log } from "./log.ts";

export interface CertificateFiles {
  /** PEM; the chain after the certificate. */
  readonly certFile: string;
  readonly keyFile: string;
}

/** Slower than a file is written, faster than anybody waits. By looking, since a link may be what changes. */
const LOOK_MS = 2_000;

/** @throws Error when the files cannot be read, or do not belong together */
export function readCertificate({ certFile, keyFile }: CertificateFiles): SecureContextOptions {
  const options: SecureContextOptions = { cert: readFileSync(certFile), key: readFileSync(keyFile), minVersion: "TLSv1.2" };
  createSecureContext(options);
  return options;
}

export interface CertificateWatch {
  /** Reads the files now. What cannot be used changes nothing. */
  reload(): void;
  stop(): void;
}

export function watchCertificate(files: CertificateFiles, use: (options: SecureContextOptions) => void, log: Log): CertificateWatch {
  const reload = () => {
    try {
      use(readCertificate(files));
      log({ event: "certificate-loaded" });
    } catch (error) {
      log({ event: "certificate-refused", message: error instanceof Error ? error.message : "not an Error" });
    }
  };
  const names = [files.certFile, files.keyFile];
  for (const name of names) watchFile(name, { interval: LOOK_MS, persistent: false }, reload);
  return {
    reload,
    stop: () => {
      for (const name of names) unwatchFile(name, reload);
    },
  };
}
