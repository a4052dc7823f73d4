import { type aws_kms as kms, aws_logs as logs } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { removalPolicyOf } from '../config/removal.ts';
import type { StageValues } from '../config/stage-values.ts';

export interface EncryptedLogGroupProps {
  readonly logGroupName: string;
  readonly encryptionKey: kms.IKey;
  readonly values: StageValues;
}

/** A log group with our key and the stage's retention. */
export class EncryptedLogGroup extends logs.LogGroup {
  constructor(scope: Construct, id: string, { logGroupName, encryptionKey, values }: EncryptedLogGroupProps) {
    super(scope, id, {
      logGroupName,
      encryptionKey,
      retention: values.logRetentionDays,
      removalPolicy: removalPolicyOf(values),
    });
  }
}
