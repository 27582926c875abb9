/** Numbers of saved functions. Each has a row in docs/limits.md. */
export const FUNCTION_LIMITS = {
  /** Functions of a tenant. */
  functions: 10_000,
  /** Versions of a function that are kept. Beyond them the oldest goes that no live deployment names. */
  versions: 200,
  files: 500,
  /** All files of an upload together, and the one module that they become. */
  uploadBytes: 4 * 1024 * 1024,
  moduleBytes: 4 * 1024 * 1024,
  bindings: 64,
  bindingBytes: 65_536,
  /** Names that a dispatcher may tell its outbound Worker, and the characters of the JSON of all their values. */
  outboundParams: 32,
  outboundBytes: 65_536,
  tags: 8,
  /** Of one function, of all of its classes together. */
  objects: 10_000,
  objectNameCharacters: 256,
  /** Of one function, and of a tenant. */
  secrets: 100,
  secretBytes: 16_384,
} as const;
