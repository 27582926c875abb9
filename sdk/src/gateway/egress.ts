/** One of the two. */
export interface EgressText {
  exact?: string | undefined;
  startsWith?: string | undefined;
}

export interface EgressPair {
  key: EgressText;
  value?: EgressText | undefined;
}

/** What a request must be for a rule to count: all that is said of it. */
export interface EgressMatch {
  /** As GET. */
  method?: string[] | undefined;
  path?: EgressText | undefined;
  queryString?: EgressPair[] | undefined;
  headers?: EgressPair[] | undefined;
}

/** A secret of the tenant by its name, read when a request is sent. While it is not set, the request is refused. */
export interface EgressSecret {
  secret: string;
  /** Before it, as `Bearer `. It is shown. */
  prefix?: string | undefined;
}

export interface EgressRule {
  match?: EgressMatch | undefined;
  /** Headers that are set on the request; the code does not see them. */
  transform?: { headers: Record<string, string | EgressSecret> }[] | undefined;
  /** Answered by do itself: nobody is asked. */
  response?:
    | { statusCode: number; headers?: Record<string, string> | undefined; body?: string | undefined; contentType?: string | undefined }
    | undefined;
}

/**
 * What may be reached of the network: domains (`api.example.com`, `*.example.com`, `api.example.com:8443`, `*`), with rules
 * of which the first that matches counts, and networks of addresses.
 */
export type EgressRules =
  | "allow-all"
  | "deny-all"
  | {
      allow?: string[] | Record<string, EgressRule[]> | undefined;
      subnets?: { allow?: string[] | undefined; deny?: string[] | undefined } | undefined;
    };

/** Of one function: it narrows what the rules of its tenant allow. */
export type OwnEgressRules =
  | "allow-all"
  | "deny-all"
  | {
      allow?: string[] | Record<string, { match?: EgressMatch | undefined }[]> | undefined;
      subnets?: { allow?: string[] | undefined; deny?: string[] | undefined } | undefined;
    };

export interface StoredEgress {
  /** EgressRules; the values of headers that they add are `***`. */
  rules: unknown;
  updatedAt?: string | undefined;
}

export interface EgressVerdict {
  allowed: boolean;
  rule?: string | undefined;
  reason?: string | undefined;
  why?: string | undefined;
  /** The names of the headers that would be added. */
  adds?: string[] | undefined;
}

export interface GatewayEgress {
  getEgress(): Promise<StoredEgress>;
  /** @throws DoError PERMISSION_DENIED `NOT_FOR_CODE` when code calls it */
  setEgress(rules: EgressRules, options?: { idempotencyKey?: string | undefined }): Promise<StoredEgress>;
  testEgress(request: { url: string; method?: string | undefined; headers?: Record<string, string> | undefined }): Promise<EgressVerdict>;
}
