import { Duration, Validations, type aws_iam as iam, type aws_kms as kms, aws_sqs as sqs } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import { removalPolicyOf } from '../config/removal.ts';
import type { StageValues } from '../config/stage-values.ts';

export interface EncryptedQueueProps {
  readonly queueName: string;
  readonly encryptionKey: kms.IKey;
  readonly visibilityTimeout: Duration;
  readonly values: StageValues;
  /** Where a message goes that was received five times and never deleted; absent: this is such a place. */
  readonly deadLetterQueue?: sqs.IQueue;
}

const MAX_RECEIVE_COUNT = 5;
/** The longest that SQS offers: a person may need the weekend. */
const RETENTION = Duration.days(14);
/** A data key is asked for so often at most; between two, KMS need not be there. */
const DATA_KEY_REUSE = Duration.minutes(5);

/** A queue with our key that takes TLS only. */
export class EncryptedQueue extends sqs.Queue {
  constructor(scope: Construct, id: string, props: EncryptedQueueProps) {
    const { queueName, encryptionKey, visibilityTimeout, deadLetterQueue, values } = props;
    super(scope, id, {
      queueName,
      encryption: sqs.QueueEncryption.KMS,
      encryptionMasterKey: encryptionKey,
      dataKeyReuse: DATA_KEY_REUSE,
      enforceSSL: true,
      retentionPeriod: RETENTION,
      visibilityTimeout,
      // What waits in it is read by a person or by a consumer, whatever becomes of the stack.
      removalPolicy: removalPolicyOf(values),
      ...(deadLetterQueue === undefined
        ? {}
        : { deadLetterQueue: { queue: deadLetterQueue, maxReceiveCount: MAX_RECEIVE_COUNT } }),
    });
    if (deadLetterQueue === undefined) {
      Validations.of(this).acknowledge({
        id: 'AwsSolutions-SQS3',
        reason:
          'It is a dead-letter queue: of a queue, of the target of a rule or of a schedule. Its alarm is red at one message.',
      });
    }
  }

  /** As CDK has it, without the actions on the key that SQS does not use. */
  override grantSendMessages(grantee: iam.IGrantable): iam.Grant {
    this.encryptionMasterKey?.grant(grantee, 'kms:Decrypt', 'kms:GenerateDataKey');
    return this.grant(grantee, 'sqs:SendMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl');
  }
}
