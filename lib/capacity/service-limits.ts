/** What AWS gives an account that has asked for nothing, per region; and bounds that nobody can raise. */
interface Limit {
  readonly amount: number;
  readonly source: string;
}

export const DEFAULT_QUOTAS = {
  tableWriteUnits: { amount: 40_000, source: 'DynamoDB developer guide, Quotas: on-demand, per table' },
  tableReadUnits: { amount: 40_000, source: 'DynamoDB developer guide, Quotas: on-demand, per table' },
  fargateVcpus: {
    amount: 6,
    source: 'Service Quotas, Fargate On-Demand vCPUs: 0 to 12 seen in new accounts',
  },
  putEvents: {
    amount: 10_000,
    source:
      'EventBridge user guide, Quotas: us-east-1, us-west-2. Whether calls or entries count is not said; entries are taken',
  },
  eventInvocations: {
    amount: 18_750,
    source: 'EventBridge user guide, Quotas: us-east-1, us-west-2. What exceeds it is delayed, not lost',
  },
  loadBalancerCapacityUnits: {
    amount: 0,
    source: 'Service Quotas, reserved LCUs per region (15,000 per ALB at most)',
  },
  loadBalancerTargets: {
    amount: 1_000,
    source: 'Elastic Load Balancing, Quotas for Application Load Balancers',
  },
  databaseProxies: { amount: 20, source: 'Aurora user guide, Quotas for RDS Proxy' },
  lambdaExecutions: { amount: 1_000, source: 'Lambda, concurrent executions (from memory, unverified)' },
  schedulerInvocations: { amount: 1_000, source: 'EventBridge Scheduler, Quotas' },
  kmsRequests: {
    amount: 100_000,
    source: 'KMS, symmetric requests in us-east-1 and us-west-2 (second hand)',
  },
} as const satisfies Record<string, Limit>;

export const BOUNDS = {
  /** Write units of one partition, and with it of one key. */
  partitionWriteUnits: {
    amount: 1_000,
    source: 'DynamoDB developer guide, Best practices for partition keys',
  },
  putEventsEntries: { amount: 10, source: 'EventBridge API reference, PutEvents: entries of one request' },
  queueBatch: { amount: 10, source: 'SQS API reference: messages of one request' },
  capacityUnit: {
    newConnectionsPerSecond: 25,
    activeConnections: 3_000,
    gigabytesPerHour: 1,
    source: 'Elastic Load Balancing pricing: what one LCU holds (second hand)',
  },
} as const;
