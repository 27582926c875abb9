/** What is used of Node's API in workerd. The types of all of Node would say that there is much more. */
declare module "node:crypto" {
  interface Hash {
    update(data: string | Uint8Array): Hash;
    digest(): Uint8Array<ArrayBuffer>;
    digest(encoding: "hex" | "base64url"): string;
  }
  export function createHash(algorithm: "sha256" | "md5"): Hash;
  export function createHmac(algorithm: "sha256", key: string | Uint8Array): Hash;
  interface ScryptOptions {
    N: number;
    r: number;
    p: number;
    maxmem: number;
  }
  export function scrypt(
    password: string,
    salt: Uint8Array,
    keyBytes: number,
    options: ScryptOptions,
    callback: (error: Error | null, key: Uint8Array) => void,
  ): void;
}

declare module "node:async_hooks" {
  export class AsyncLocalStorage<T> {
    getStore(): T | undefined;
    run<R>(store: T, callback: () => R): R;
  }
}

declare module "node:net" {
  /** 4, 6, or 0 for what is no IP address. */
  export function isIP(text: string): number;
}
