/** What do is compared with: a server that answers `POST /` with `{ code }` by the value of the code as text. */
export interface Peer {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly ended: Promise<unknown>;
  kill(): void;
}
