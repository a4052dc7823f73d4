import { Duration, type aws_kms as kms, aws_s3 as s3, Validations } from 'aws-cdk-lib';
import { Construct } from 'constructs';

import { removalPolicyOf } from '../config/removal.ts';
import type { StageValues } from '../config/stage-values.ts';

export interface AuditArchiveProps {
  readonly bucketName: string;
  readonly encryptionKey: kms.IKey;
  readonly values: StageValues;
}

const MINIMUM_TLS_VERSION = 1.2;
/** PCI DSS 10.5.1 wants twelve months of history. */
const ACCESS_LOG_RETENTION = Duration.days(400);

/**
 * The archive of the ledger: what is written there can be changed or deleted by nobody, the account's root included,
 * until its retention is over (Object Lock in COMPLIANCE mode).
 */
export class AuditArchive extends Construct {
  readonly bucket: s3.IBucket;

  constructor(scope: Construct, id: string, { bucketName, encryptionKey, values }: AuditArchiveProps) {
    super(scope, id);
    // Log delivery by policy. CDK's old way is an ACL, which S3 refuses where ACLs are off.
    this.node.setContext('@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy', true);
    const removalPolicy = removalPolicyOf(values);
    const bucket = new s3.Bucket(this, 'Bucket', {
      bucketName,
      objectLockEnabled: true,
      objectLockDefaultRetention: s3.ObjectLockRetention.compliance(
        Duration.days(values.audit.retentionDays),
      ),
      versioned: true,
      encryption: s3.BucketEncryption.KMS,
      encryptionKey,
      // One data key for many objects, instead of a call to KMS for each.
      bucketKeyEnabled: true,
      enforceSSL: true,
      minimumTLSVersion: MINIMUM_TLS_VERSION,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      serverAccessLogsBucket: this.#accessLogs(values),
      serverAccessLogsPrefix: 'audit-archive/',
      removalPolicy,
    });
    Validations.of(bucket).acknowledge({
      id: 'PCI.DSS.321-S3BucketReplicationEnabled',
      reason:
        'Each region archives the entries that it wrote itself. A copy of them is in the ledger of the other region, ' +
        'which is a replica with point-in-time recovery; a second archive would hold every entry twice.',
    });
    this.bucket = asBucket(bucket);
  }

  #accessLogs(values: StageValues): s3.IBucket {
    const bucket = new s3.Bucket(this, 'AccessLogBucket', {
      // Log delivery does not write to a bucket whose default encryption is KMS (S3 user guide, server access logging).
      encryption: s3.BucketEncryption.S3_MANAGED,
      versioned: true,
      enforceSSL: true,
      minimumTLSVersion: MINIMUM_TLS_VERSION,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [{ expiration: ACCESS_LOG_RETENTION, noncurrentVersionExpiration: Duration.days(1) }],
      removalPolicy: removalPolicyOf(values),
    });
    Validations.of(bucket).acknowledge(
      {
        id: 'AwsSolutions-S1',
        reason: 'This is where access logs go; logging the delivery of logs into itself would never end.',
      },
      {
        id: 'PCI.DSS.321-S3BucketLoggingEnabled',
        reason: 'This is where access logs go; logging the delivery of logs into itself would never end.',
      },
      {
        id: 'PCI.DSS.321-S3BucketReplicationEnabled',
        reason:
          'Access logs say who read the archive of this region; losing the region loses nothing that they protect.',
      },
      {
        id: 'PCI.DSS.321-S3DefaultEncryptionKMS',
        reason:
          'S3 does not deliver access logs to a bucket that is encrypted by KMS; SSE-S3 encrypts them at rest.',
      },
    );
    return asBucket(bucket);
  }
}

/** CDK's declarations leave `undefined` out of optional members of interfaces that its classes have it in. */
function asBucket(bucket: s3.Bucket): s3.IBucket {
  return bucket as s3.IBucket;
}
