import {
  Aws,
  Duration,
  aws_iam as iam,
  aws_kms as kms,
  aws_sns as sns,
  aws_sns_subscriptions as subscriptions,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

import type { PhysicalNames } from '../config/physical-names.ts';
import { removalPolicyOf } from '../config/removal.ts';
import type { StageValues } from '../config/stage-values.ts';

export interface AlarmTopicProps {
  readonly names: PhysicalNames;
  readonly values: StageValues;
}

/** Where alarms go, and from there to people: encrypted by a key that CloudWatch may use, over TLS only. */
export class AlarmTopic extends Construct {
  readonly topic: sns.ITopic;

  constructor(scope: Construct, id: string, { names, values }: AlarmTopicProps) {
    super(scope, id);
    const masterKey = new kms.Key(this, 'Key', {
      alias: names.keyAlias('alarms'),
      description: 'Messages of alarms',
      enableKeyRotation: true,
      pendingWindow: Duration.days(30),
      removalPolicy: removalPolicyOf(values),
    });
    // Without it the alarm shows and nobody is told: CloudWatch publishes by its own principal.
    masterKey.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        // In a key policy, `*` is the key that the policy belongs to.
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    );
    const topic = new sns.Topic(this, 'Topic', {
      topicName: names.alarmTopic(),
      masterKey,
      enforceSSL: true,
    });
    topic.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'AlarmsOfThisAccount',
        principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    );
    if (values.alarmEmail !== undefined) {
      topic.addSubscription(new subscriptions.EmailSubscription(values.alarmEmail));
    }
    this.topic = topic;
  }
}
