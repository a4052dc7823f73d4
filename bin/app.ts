import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, PCIDSS321Checks } from 'cdk-nag';

import { devStage, prodStage, type OwnerValues } from '../lib/config/stages.ts';
import { PaymentsStage } from '../lib/payments-stage.ts';

/**
 * The CDK app: both stages, each over two regions. The only place that reads the environment at synth; the defaults
 * are examples, so that a fresh clone synthesises.
 */
const environment = process.env;
const domainName = environment.CHARGE_ONCE_DOMAIN_NAME ?? 'example.com';
const owner: OwnerValues = {
  account: environment.CHARGE_ONCE_ACCOUNT ?? environment.CDK_DEFAULT_ACCOUNT,
  domainName,
  hostedZoneId: environment.CHARGE_ONCE_HOSTED_ZONE_ID ?? 'Z00000000000EXAMPLE',
  hostedZoneName: environment.CHARGE_ONCE_HOSTED_ZONE_NAME ?? domainName,
  alarmEmail: environment.CHARGE_ONCE_ALARM_EMAIL,
};

const app = new App();
new PaymentsStage(app, devStage(owner));
new PaymentsStage(app, prodStage(owner));

// A finding makes synth fail. The test suite always asks the packs; here they are for whoever wants to see their
// report (`cdk.out/validation-report.json`), so that an emergency deployment does not wait for a rule.
if (environment.CHARGE_ONCE_COMPLIANCE === 'check') {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new PCIDSS321Checks(app));
}
