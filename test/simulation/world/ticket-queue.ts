import type { RecoveryTicket } from '#contract/recovery-ticket';

export interface QueuedTicket {
  readonly ticket: RecoveryTicket;
  visibleAtMs: number;
  isDeleted: boolean;
  receiveCount: number;
}

/** The queue of recovery tickets: at least once, in any order. */
export class TicketQueue {
  readonly name: string;
  #tickets: QueuedTicket[] = [];

  constructor(name: string) {
    this.name = name;
  }

  send(ticket: RecoveryTicket, visibleAtMs: number): QueuedTicket {
    const queued = { ticket, visibleAtMs, isDeleted: false, receiveCount: 0 };
    this.#tickets.push(queued);
    return queued;
  }

  get pending(): readonly QueuedTicket[] {
    this.#tickets = this.#tickets.filter(({ isDeleted }) => !isDeleted);
    return this.#tickets;
  }
}
