export { connect, type Target } from "./connect.ts";
export type { Binding } from "./binding.ts";
export { readChanges } from "./changes.ts";
export type { Execution } from "./execution.ts";
export type { ExecuteOptions, Executions, ListExecutions, Session } from "./session.ts";
export type { GenericService, Services } from "./services.ts";
export type * from "./auth.ts";
export type * from "./gateway.ts";
export type * from "./schedule.ts";
export type * from "./queue.ts";
export type {
  AggregateOptions,
  AtomicRequest,
  BatchOptions,
  Change,
  ChangesOptions,
  Collection,
  CollectionInfo,
  DbService,
  Definition,
  DeleteOptions,
  Entity,
  EntityPage,
  ExportOptions,
  GetOptions,
  Group,
  Hit,
  ImportOptions,
  InsertOptions,
  ListOptions,
  ManyOptions,
  Metric,
  Mutation,
  PatchOptions,
  QueryOptions,
  QueryResult,
  Rule,
  SearchOptions,
  SqlValue,
  UpsertOptions,
  WatchOptions,
  Where,
} from "./db.ts";
export type { GuestContext, GuestDo } from "./guest.ts";
export { DoError, isErrorCode, STATUS_BY_CODE, toDoError, type DoErrorOptions, type ErrorCode } from "./errors.ts";
export { LOG_LEVELS, OUTCOMES, SERVICES } from "./types.ts";
export type {
  CapturedRequest,
  EncodedAnswer,
  ExecuteRequest,
  ExecutionAnswer,
  ExecutionError,
  ExecutionEvent,
  ExecutionRecord,
  ExecutionState,
  ExecutionSummary,
  Limits,
  LogEntry,
  LogLevel,
  Outcome,
  Page,
  ServiceCall,
  ServiceName,
  Usage,
  WhoAmI,
} from "./types.ts";
export { decodeValue, encodeValue, ValueError, type EncodedValue, type ValueTypes } from "./values.ts";
