import { Duration, Validations, aws_s3 as s3 } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { removalPolicyOf } from '../config/removal.ts';
import type { StageValues } from '../config/stage-values.ts';

export interface LoadBalancerLogBucketProps {
  readonly bucketName: string;
  readonly values: StageValues;
}

/** Where the load balancer writes who asked for what. */
export class LoadBalancerLogBucket extends s3.Bucket {
  constructor(scope: Construct, id: string, { bucketName, values }: LoadBalancerLogBucketProps) {
    const expiration = Duration.days(values.logRetentionDays);
    super(scope, id, {
      bucketName,
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      versioned: true,
      lifecycleRules: [
        {
          expiration,
          noncurrentVersionExpiration: Duration.days(1),
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
      ],
      removalPolicy: removalPolicyOf(values),
    });
    Validations.of(this).acknowledge(
      {
        id: 'AwsSolutions-S1',
        reason: 'It holds access logs itself; logging the log would never end.',
      },
      {
        id: 'PCI.DSS.321-S3BucketLoggingEnabled',
        reason: 'It holds access logs itself; logging the log would never end.',
      },
      {
        id: 'PCI.DSS.321-S3DefaultEncryptionKMS',
        reason:
          'Elastic Load Balancing writes access logs to buckets with SSE-S3 only (its guide, "Enable access logs for your Application Load Balancer").',
      },
      {
        id: 'PCI.DSS.321-S3BucketReplicationEnabled',
        reason:
          'Each region keeps the logs of its own load balancer; the record of payments is the audit archive.',
      },
    );
  }
}
