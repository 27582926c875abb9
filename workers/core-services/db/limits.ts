/** Cloudflare's production limits (developers.cloudflare.com, Durable Objects limits), held here so that both places behave alike. */
export const DB_LIMITS = {
  statementBytes: 100_000,
  boundParameters: 100,
  /** Of a row of SQL: a string, a blob, all cells together. */
  rowBytes: 2_000_000,
  likePatternBytes: 50,
  documentBytes: 1_000_000,
  rows: 10_000,
  /** Half of what Workers RPC carries. */
  resultBytes: 16 * 1024 * 1024,
  listItems: 1_000,
  batchStatements: 1_000,
  mutations: 1_000,
  migrations: 1_000,
  /** The most that a statement may ask for. */
  timeoutMs: 30_000,
  /** A dump of the SQL tables is taken at one moment, and held in memory while it is read. */
  dumpBytes: 48 * 1024 * 1024,
} as const;

/** Of one filter, ordering or grouping: what bounds the statement that it becomes. */
export const FILTER_LIMITS = {
  conditions: 32,
  depth: 8,
  values: 1_000,
  orderFields: 5,
  groupFields: 5,
  metrics: 20,
  pathCharacters: 256,
} as const;

export const COLLECTION_LIMITS = {
  collections: 1_000,
  indexes: 20,
  searchFields: 10,
  rules: 10,
  schemaBytes: 65_536,
  schemaNodes: 1_000,
  /** Values of a document times parts of its schema: about what checking it takes, in microseconds. */
  schemaChecks: 2_000_000,
} as const;

/** What the feed of changes keeps: the newest, until one of these is reached. */
export const FEED_LIMITS = { changes: 100_000, bytes: 64 * 1024 * 1024, ms: 7 * 24 * 60 * 60 * 1_000, waitMs: 30_000 } as const;

export const SEARCH_LIMITS = {
  queryCharacters: 1_000,
  terms: 32,
  deepestHit: 10_000,
  fuzzyCandidates: 100,
  fuzzyWords: 8,
  fuzzyCharacters: 20_000,
} as const;
