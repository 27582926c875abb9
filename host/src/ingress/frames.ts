/** Where a WebSocket frame ends, in bytes that pass by (RFC 6455 5.2): between two frames, and only there, another can be put in. */
export class FrameBoundary {
  #header: number[] = [];
  #payloadLeft = 0;

  get isHere(): boolean {
    return this.#header.length === 0 && this.#payloadLeft === 0;
  }

  /** Follows the bytes; with `toBoundary` only as far as the first end of a frame. Returns how many it has followed. */
  follow(chunk: Buffer, toBoundary = false): number {
    let at = 0;
    while (at < chunk.length) {
      if (this.#payloadLeft > 0) {
        const passed = Math.min(this.#payloadLeft, chunk.length - at);
        this.#payloadLeft -= passed;
        at += passed;
      } else {
        this.#header.push(chunk[at] ?? 0);
        at += 1;
        if (this.#header.length === headerLength(this.#header)) {
          this.#payloadLeft = payloadLength(this.#header);
          this.#header = [];
        }
      }
      if (toBoundary && this.isHere) break;
    }
    return at;
  }
}

function headerLength([, second]: readonly number[]): number {
  if (second === undefined) return 2;
  const extended = { 126: 2, 127: 8 }[second & 127] ?? 0;
  return 2 + extended + (second & 128 ? 4 : 0);
}

function payloadLength(header: readonly number[]): number {
  const short = (header[1] ?? 0) & 127;
  if (short < 126) return short;
  return header.slice(2, short === 126 ? 4 : 10).reduce((sum, byte) => sum * 256 + byte, 0);
}

/** "Going away", from a server: unmasked. */
export const CLOSE_GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9]);
