import type { Consumer } from '#contract/events';
import type { PspName } from '#contract/psp-accounts';

/**
 * Physical names and identifiers that another region, another stack or the runtime needs, made in this one place:
 * deterministic, so that no stack exports anything to another region.
 */
export class PhysicalNames {
  private readonly stageName: string;

  constructor(stageName: string) {
    this.stageName = stageName;
  }

  readonly stack = (id: string): string => this.of(id);
  readonly table = (
    name: 'checkpoints' | 'ledger' | 'tenants' | 'webhook-events' | 'shard-map' | 'consumers',
  ): string => this.of(name);
  readonly globalCluster = (shard: number): string => this.of(`key-store-${shard}`);
  readonly cluster = (shard: number, region: string): string => this.of(`key-store-${shard}-${region}`);
  readonly proxy = (shard: number): string => this.of(`key-store-${shard}`);
  readonly eventBus = (): string => this.of('payments');
  readonly eventArchive = (): string => this.of('payments');
  readonly sweeperSchedules = (): string => this.of('sweeper');
  readonly sweeperSchedule = (shard: number): string => `shard-${shard}`;
  readonly consumerQueue = (consumer: Consumer): string => this.of(consumer);
  readonly consumerDeadLetterQueue = (consumer: Consumer): string => this.of(`${consumer}-dlq`);
  readonly recoveryQueue = (): string => this.of('recovery');
  readonly recoveryDeadLetterQueue = (): string => this.of('recovery-dlq');
  readonly undeliveredEventsQueue = (): string => this.of('undelivered-events');
  readonly sweeperDeadLetterQueue = (): string => this.of('sweeper-dlq');
  readonly reconcilerSchedules = (): string => this.of('reconciler');
  readonly reconcilerDeadLetterQueue = (): string => this.of('reconciler-dlq');
  readonly auditFailureQueue = (): string => this.of('audit-archiver-failures');
  /** Before the PSP's name and the account's. */
  readonly pspSecretPrefix = (): string => `charge-once/${this.stageName}/psp`;
  readonly pspSecret = (psp: PspName, account: string): string =>
    `${this.pspSecretPrefix()}/${psp}/${account}`;
  readonly databaseSecret = (shard: number): string =>
    `charge-once/${this.stageName}/key-store-${shard}/master`;
  readonly keyAlias = (purpose: string): string => `alias/${this.of(purpose)}`;
  readonly logGroup = (purpose: string): string => `/charge-once/${this.stageName}/${purpose}`;
  /** WAF takes no log group whose name begins otherwise. */
  readonly firewallLogGroup = (): string => `aws-waf-logs-${this.of('gateway')}`;
  readonly loadBalancer = (): string => this.of('gateway');
  readonly alarm = (name: string): string => this.of(name);
  readonly healthCheck = (region: string): string => this.of(region);
  readonly alarmTopic = (): string => this.of('alarms');
  /** Dashboards are global in an account. */
  readonly dashboard = (region: string): string => this.of(region);
  /** Bucket names are global: the account keeps two owners of the product apart. */
  readonly bucket = (purpose: string, region: string, account: string): string =>
    `${this.of(purpose)}-${region}-${account}`;

  /** What was put behind the stage to make a physical name. */
  withoutStage(physicalName: string): string {
    const prefix = this.of('');
    if (!physicalName.startsWith(prefix)) throw new RangeError(`${physicalName} is not a name of this stage`);
    return physicalName.slice(prefix.length);
  }

  private of(name: string): string {
    return `charge-once-${this.stageName}-${name}`;
  }
}

/** Database, role and table owner of every shard. */
export const KEY_STORE_DATABASE = 'charge_once';
/** The role that the gateway logs in as, by IAM. */
export const GATEWAY_DATABASE_USER = 'gateway';
/** The role that owns the schema: migrations and the sweeper. RDS takes letters and digits, 16 at most. */
export const KEY_STORE_OWNER = 'keystoreowner';
