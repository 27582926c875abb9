/** What the ingress tells whoever keeps the log. Never a query, a header or a body. */
export type IngressEvent =
  | {
      readonly event: "request";
      readonly method: string;
      readonly path: string;
      /** 499 when the caller left before there was an answer. */
      readonly status: number;
      readonly durationMs: number;
      readonly requestId: string;
      readonly traceId: string;
      /** Of the answer, when it is one of an execution. */
      readonly executionId: string | string[] | undefined;
      readonly peer: string;
      /** The answer was cut: the caller left, the front was lost, or one of them was too slow. */
      readonly isCut: boolean;
    }
  | {
      /** Answered here; the front has not seen it, or not all of it. */
      readonly event: "refused";
      readonly status: number;
      readonly code: string;
      readonly reason: string | undefined;
      readonly requestId: string;
      readonly peer: string;
    }
  | { readonly event: "error"; readonly requestId: string | undefined; readonly message: string }
  | { readonly event: "connections-lowered"; readonly wanted: number; readonly got: number; readonly descriptors: number }
  | { readonly event: "certificate-loaded" }
  | { readonly event: "certificate-refused"; readonly message: string };

export type Log = (event: IngressEvent) => void;
