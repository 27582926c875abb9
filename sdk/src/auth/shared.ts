/** ISO 8601, or milliseconds since 1970; over a binding also a Date, which JSON does not have. */
export type Moment = string | Date | number;

export interface PageOptions {
  /** 1 to 1,000; default 100. */
  limit?: number | undefined;
  /** Of the page before. */
  cursor?: string | undefined;
}

export interface PageOf<T> {
  items: T[];
  /** Of the next page; absent on the last. */
  cursor?: string | undefined;
}

/** Who a credential stands for. */
export interface PrincipalInfo {
  kind: string;
  id: string;
  tenant: string;
  tier: string;
}
