/** Dollars in us-east-1, without discounts, as of November 2026. */
interface Price {
  readonly dollars: number;
  readonly source: string;
}

export const PRICES = {
  millionWriteUnits: { dollars: 0.625, source: 'DynamoDB on-demand price of 1 M write units' },
  millionReadUnits: { dollars: 0.125, source: 'DynamoDB on-demand price of 1 M read units' },
  ioOptimizedFactor: { dollars: 1.3, source: 'Aurora I/O-Optimized: 30 % on instances, no price on I/O' },
  proxyVcpuHour: {
    dollars: 0.015,
    source: 'RDS Proxy, per vCPU of the instances behind it (from memory, unverified)',
  },
  fargateVcpuHour: { dollars: 0.03238, source: 'Fargate on ARM, vCPU-hour (second hand, October 2026)' },
  fargateGigabyteHour: { dollars: 0.00356, source: 'Fargate on ARM, GB-hour (second hand, October 2026)' },
  capacityUnitHour: { dollars: 0.008, source: 'ALB, LCU-hour (from memory, unverified)' },
  millionEvents: { dollars: 1, source: 'EventBridge, 1 M custom events of up to 64 KB (second hand)' },
  millionQueueRequests: { dollars: 0.4, source: 'SQS standard, 1 M requests (second hand)' },
  logGigabyte: { dollars: 0.5, source: 'CloudWatch Logs, ingestion of 1 GB' },
  millionTraces: { dollars: 5, source: 'X-Ray, 1 M traces recorded (second hand)' },
  millionObjectWrites: { dollars: 5, source: 'S3, 1 M PUT requests (from memory, unverified)' },
} as const satisfies Record<string, Price>;

/** Instances whose price is known, by the type as the stage's values name it. */
export const DATABASE_INSTANCES: Readonly<
  Record<string, { vcpus: number; dollarsPerHour: number; source: string }>
> = {
  'r7g.4xlarge': { vcpus: 16, dollarsPerHour: 2.211, source: 'Aurora PostgreSQL, on-demand r7g.4xlarge' },
  'r8g.4xlarge': { vcpus: 16, dollarsPerHour: 2.208, source: 'Aurora PostgreSQL, on-demand r8g.4xlarge' },
};

/** Part of every bill, and not of these figures. */
export const NOT_INCLUDED = [
  'storage of tables, key store, event archive and audit archive, and their backups; standard Aurora I/O',
  'traffic between regions and zones and to the PSP, NAT gateways and VPC endpoints',
  'WAF, KMS (data keys are cached), CloudWatch metrics and alarms, Route 53',
  'replicated write I/O of the global database',
  'support, taxes, and every discount',
] as const;
