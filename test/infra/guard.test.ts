import { describe, expect, it } from '@jest/globals';

import { synthesiseStages } from '../support/synthesised-stages.ts';
import { guardFindings, type GuardFinding } from './guard-check.ts';
import { resourcesOfType } from './rules/template-values.ts';

/** A control that is not met, where, and why that is right. */
interface Exception {
  readonly control: string;
  /** Stack and logical id. */
  readonly where: RegExp;
  readonly because: string;
}

const LOG_BUCKET = /^(audit\/ArchiveAccessLogBucket|gateway\/EntryAccessLogs)/;
const ARCHIVE = /^audit\/ArchiveBucket/;

const EXCEPTIONS: readonly Exception[] = [
  {
    control: 'CT.ECS.PR.2',
    where: /^gateway\/GatewayCluster/,
    because:
      'Container insights are on as `enhanced`, which is newer than the control and more than it asks for.',
  },
  {
    control: 'CT.ECS.PR.7',
    where: /^gateway\/Task/,
    because:
      'On Fargate the memory of the task is the limit; the collector has its own, the gateway has the rest.',
  },
  {
    control: 'CT.KMS.PR.3',
    where: /Key[0-9A-F]{8}$/,
    because:
      'Keys leave it to IAM who may use them, and no role of ours may create a grant; one key lets Secrets Manager do it.',
  },
  {
    control: 'CT.LAMBDA.PR.3',
    where: /\/(AWS679f53fac|AWSCDKTrigger|CustomVpcRestrictDefaultSG)/,
    because:
      "A function of the CDK that runs during deployments, calls AWS's API and reaches nothing in the VPC.",
  },
  {
    control: 'CT.RDS.PR.5',
    where: /^key-store(-primaries)?\/Shard\dCluster(Writer|Reader)/,
    because:
      'The members of a global cluster are upgraded together, from the code, or a failover is refused.',
  },
  {
    control: 'CT.S3.PR.10',
    where: LOG_BUCKET,
    because: 'Load balancers and S3 deliver access logs to buckets with the key of S3 only.',
  },
  {
    control: 'CT.S3.PR.2',
    where: LOG_BUCKET,
    because: 'It holds access logs itself; logging the log would never end.',
  },
  {
    control: 'CT.S3.PR.3',
    where: ARCHIVE,
    because: 'It is versioned; what is locked for years is not to expire by a rule.',
  },
  {
    control: 'CT.S3.PR.4',
    where: new RegExp(`${LOG_BUCKET.source}|${ARCHIVE.source}`),
    because: 'Nothing follows from an object in it: the archive and the logs are read when somebody asks.',
  },
  {
    control: 'CT.S3.PR.6',
    where: ARCHIVE,
    because:
      'What is locked for years is not to expire by a rule; a person deletes what is no longer needed.',
  },
  {
    control: 'CT.S3.PR.9',
    where: LOG_BUCKET,
    because: 'Access logs expire; the audit archive is locked.',
  },
  {
    control: 'CT.SQS.PR.1',
    where:
      /^(audit\/FailureQueue|events\/(\w+DeadLetterQueue|UndeliveredEventsQueue)|reconciler\/DeadLetterQueue)/,
    because: 'It is a dead-letter queue, and has an alarm.',
  },
];

function isException({ control, stack, logicalId }: GuardFinding): boolean {
  return EXCEPTIONS.some(
    (exception) => exception.control === control && exception.where.test(`${stack}/${logicalId}`),
  );
}

describe('the controls of AWS Control Tower', () => {
  const prod = synthesiseStages().find(({ name }) => name === 'prod');
  if (prod === undefined) throw new Error('no stage prod');
  const findings = prod.stacks.flatMap(guardFindings);

  it('are met by each stack of production, but for those that are written down', () => {
    process.stdout.write(`cfn-guard: ${EXCEPTIONS.length} controls with written exceptions\n`);
    expect(findings.filter((finding) => !isException(finding))).toEqual([]);
  });

  it.each(EXCEPTIONS)('$control still needs its exception', (exception) => {
    const met = findings.filter(
      ({ control, stack, logicalId }) =>
        control === exception.control && exception.where.test(`${stack}/${logicalId}`),
    );
    expect(met).not.toEqual([]);
  });

  it('are asked: a queue without encryption is found', () => {
    const spoilt = structuredClone(prod);
    const [queue] = resourcesOfType(spoilt, 'AWS::SQS::Queue');
    if (queue === undefined) throw new Error('no queue');
    delete queue.resource.Properties?.KmsMasterKeyId;
    expect(guardFindings(queue.stack).filter((finding) => !isException(finding))).toEqual([
      { control: 'CT.SQS.PR.2', region: prod.regions[0], stack: 'events', logicalId: queue.logicalId },
    ]);
  });
});
