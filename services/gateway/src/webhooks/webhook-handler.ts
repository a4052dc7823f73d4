import { METRICS } from '#contract/metrics';
import { recoveryTicket, type RecoveryTicket } from '#contract/recovery-ticket';

import { chargeIdOf } from '../idempotency/charge-key.ts';
import type { CheckpointStore } from '../idempotency/checkpoint-store.ts';
import type { KeyStore } from '../idempotency/key-store.ts';
import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Metrics } from '../platform/metrics.ts';
import { StoreUnavailableError } from '../platform/store-unavailable-error.ts';
import type { RecoveryTicketSender } from '../recovery/recovery-ticket-sender.ts';
import { assessPspEvent, type EventAssessment } from './assess-psp-event.ts';
import type { PspEvent, PspEventSubject } from './psp-event.ts';
import type { WebhookEventLog, WebhookFinding, WebhookOutcome } from './webhook-event-log.ts';

/** Of the charge's stores only what reads them: a webhook never writes an outcome. */
export interface WebhookHandlerPorts {
  readonly log: WebhookEventLog;
  readonly ledger: Pick<Ledger, 'read'>;
  readonly checkpoints: Pick<CheckpointStore, 'read'>;
  readonly keyStore: Pick<KeyStore, 'peek'>;
  readonly tickets: RecoveryTicketSender;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The tables of the region that launched a charge reach the other one in about a second. */
const REPLICATION_PAUSE_MS = 2_000;
/** SQS delays a message by no more. */
const LONGEST_DELAY_SECONDS = 900;
/** An older event is about what has long been replicated. */
const YOUNG_EVENT_MS = 60_000;

/**
 * Handles events of a PSP (protocol rule 15): each asks for the resolution of its charge through the protocol, or is
 * a finding. Handling is idempotent, and marked as done by its last act.
 */
export class WebhookHandler {
  private readonly ports: WebhookHandlerPorts;

  constructor(ports: WebhookHandlerPorts) {
    this.ports = ports;
  }

  /**
   * Resolves when all that the event gives cause to is durable.
   *
   * @throws StoreUnavailableError the PSP has to send it again
   */
  async handle(event: PspEvent): Promise<WebhookOutcome | 'repeated'> {
    const { log, metrics } = this.ports;
    if (event.subject === undefined) {
      // Not even remembered: a payment of somebody else on the same account costs us nothing.
      metrics.count(METRICS.webhookEventsIgnored);
      return 'ignored';
    }
    if (await log.isHandled(event.id)) return this.repeated();
    const outcome = await this.act(event, event.subject);
    if ((await log.markHandled(event, outcome)) === 'repeated') return this.repeated();
    metrics.count(METRICS.webhookEventsHandled);
    return outcome;
  }

  private repeated(): 'repeated' {
    this.ports.metrics.count(METRICS.webhookEventsRepeated);
    return 'repeated';
  }

  private async act(event: PspEvent, subject: PspEventSubject): Promise<WebhookOutcome> {
    const { ticket, finding } = await this.assess(event, subject);
    if (ticket !== undefined) await this.send(ticket, subject);
    if (finding !== undefined) await this.record(event, subject, finding);
    if (finding !== undefined) return 'finding';
    return ticket === undefined ? 'consistent' : 'ticket';
  }

  private async assess(event: PspEvent, subject: PspEventSubject): Promise<EventAssessment> {
    if (!isWellIdentified(subject)) return unknownCharge('the id does not belong to the tenant and the key');
    const known = await this.known(subject);
    if (known.kind === 'entries') return assessPspEvent(event, subject, known.entries);
    if (known.kind === 'launched') return { ticket: 'resume' };
    const ageMs = this.ports.clock.nowEpochMs() - event.createdEpochMs;
    if (ageMs > YOUNG_EVENT_MS) return unknownCharge('no store knows the charge');
    await this.ports.clock.sleep(REPLICATION_PAUSE_MS);
    const later = await this.known(subject);
    if (later.kind === 'entries') return assessPspEvent(event, subject, later.entries);
    return later.kind === 'launched' ? { ticket: 'resume' } : unknownCharge('no store knows the charge');
  }

  /** RESERVED and PSP_PENDING stand before the PSP is asked, so that a charge of ours is known to some store. */
  private async known(subject: PspEventSubject): Promise<Known> {
    const { ledger, checkpoints, keyStore } = this.ports;
    const entries = await ledger.read(subject.chargeId);
    if (entries.length > 0) return { kind: 'entries', entries };
    const key = { tenantId: subject.tenantId, idempotencyKey: subject.idempotencyKey };
    if ((await checkpoints.read(key)).kind === 'present') return { kind: 'launched' };
    const row = await keyStore.peek(key);
    return row === undefined || row.status === 'FREED' ? { kind: 'nothing' } : { kind: 'launched' };
  }

  private async send(ticket: 'resume' | 'watch', subject: PspEventSubject): Promise<void> {
    const { tenantId: tenant_id, idempotencyKey: idempotency_key } = subject;
    const reason: RecoveryTicket['reason'] = ticket === 'resume' ? 'psp-event' : 'late-success-watch';
    const delaySeconds = ticket === 'resume' ? await this.leaseRemainingSeconds(subject) : 0;
    await this.ports.tickets.send({ tenant_id, idempotency_key, reason }, delaySeconds);
  }

  /**
   * Most events come while the run that charged is about to settle. Their tickets show when its lease is over: if it is
   * alive, the charge has ended by then, and if it is dead, nobody could take the charge over before.
   */
  private async leaseRemainingSeconds({ tenantId, idempotencyKey }: PspEventSubject): Promise<number> {
    try {
      const row = await this.ports.keyStore.peek({ tenantId, idempotencyKey });
      const remainingMs = row?.status === 'PROCESSING' ? row.leaseRemainingMs : 0;
      return remainingMs > 0 ? Math.min(LONGEST_DELAY_SECONDS, Math.ceil(remainingMs / 1_000) + 1) : 0;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      return 0;
    }
  }

  private async record(event: PspEvent, subject: PspEventSubject, finding: WebhookFinding): Promise<void> {
    await this.ports.log.recordFinding(event, finding);
    const { kind, detail } = finding;
    const { chargeId, pspChargeId } = subject;
    this.ports.logger.error(
      { eventId: event.id, type: event.type, kind, detail, chargeId, pspChargeId },
      'webhook finding',
    );
    this.ports.metrics.count(
      kind === 'unknown_charge' ? METRICS.webhookUnknownCharges : METRICS.webhookContradictions,
    );
  }
}

type Known =
  | { readonly kind: 'entries'; readonly entries: readonly LedgerEntry[] }
  | { readonly kind: 'launched' }
  | { readonly kind: 'nothing' };

function unknownCharge(detail: string): EventAssessment {
  return { finding: { kind: 'unknown_charge', detail } };
}

/** A charge's id is a function of tenant and key: metadata that somebody edited does not lead us to another charge. */
function isWellIdentified({ tenantId, idempotencyKey, chargeId }: PspEventSubject): boolean {
  const ticket = { tenant_id: tenantId, idempotency_key: idempotencyKey, reason: 'psp-event' };
  return recoveryTicket.safeParse(ticket).success && chargeIdOf({ tenantId, idempotencyKey }) === chargeId;
}
