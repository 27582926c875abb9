import { DoError } from "../../../../sdk/src/errors.ts";
import { seqOf } from "../ids.ts";
import type { QueueRecord } from "./book.ts";
import type { Core } from "./core.ts";
import { LEASED, type MessageRow } from "./messages.ts";

export interface RedriveCall {
  readonly ids: readonly string[] | undefined;
  readonly max: number;
  readonly to: string | undefined;
}

interface Letter {
  readonly row: MessageRow;
  /** Where it is kept. */
  readonly queue: QueueRecord;
}

/** What could not be done with messages, and what becomes of it. */
export class DeadLetters {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Those of the queue, wherever they are kept, and those of others that it keeps: in the order in which they were sent. */
  list(queue: QueueRecord, after: number, limit: number, nowMs: number): Letter[] {
    const grave = this.#core.graveOf(queue);
    this.#core.settle(queue, nowMs);
    if (grave) this.#core.settle(grave, nowMs);
    const own = this.#core.messages(queue).letters(undefined, after, limit);
    const others = grave && grave.id !== queue.id ? this.#core.messages(grave).letters(queue.name, after, limit) : [];
    return [...own.map((row) => ({ row, queue })), ...others.map((row) => ({ row, queue: grave ?? queue }))]
      .toSorted((a, b) => a.row.seq - b.row.seq)
      .slice(0, limit);
  }

  /** Puts them back, as new, into the queue that each died in or another. One that is in flight stays. */
  redrive(queue: QueueRecord, { ids, max, to }: RedriveCall, nowMs: number): { moved: number } {
    const target = to === undefined ? undefined : this.#core.book.get(to);
    if (target && target.config.type !== queue.config.type) {
      throw new DoError(
        "INVALID_ARGUMENT",
        `Cannot redrive from ${queue.name} to ${target.name}: one is a FIFO queue and the other is not`,
        {
          reason: "TYPES_DIFFER",
        },
      );
    }
    const letters = ids ? this.#named(queue, ids, nowMs) : this.list(queue, -1, max, nowMs);
    const moving = letters.filter(({ row }) => row.state !== LEASED).slice(0, max);
    for (const { row, queue: from } of moving) this.#move(row, from, target ?? this.#core.book.get(row.source ?? queue.name), nowMs);
    return { moved: moving.length };
  }

  #move(row: MessageRow, from: QueueRecord, to: QueueRecord, nowMs: number): void {
    this.#core.removeRow(from, row);
    this.#core.addRow(to, { ...row, source: null, death: null }, nowMs);
    this.#core.note(to, "redriven", [{ id: row.id, detail: from.name }]);
  }

  /** In the order in which they were sent, as all dead letters. */
  #named(queue: QueueRecord, ids: readonly string[], nowMs: number): Letter[] {
    const grave = this.#core.graveOf(queue);
    this.#core.settle(queue, nowMs);
    if (grave) this.#core.settle(grave, nowMs);
    const letters = [...new Set(ids)].flatMap((id) => {
      const seq = seqOf(id);
      const places = seq === undefined ? [] : grave && grave.id !== queue.id ? [queue, grave] : [queue];
      for (const place of places) {
        const row = this.#core.messages(place).row(seq ?? -1);
        const isIts = row?.id === id && row.source !== null && (place.id === queue.id || row.source === queue.name);
        if (isIts) return [{ row, queue: place }];
      }
      return [];
    });
    return letters.toSorted((a, b) => a.row.seq - b.row.seq);
  }
}
