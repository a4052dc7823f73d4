import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from '@jest/globals';
import { App, Stack, Stage, Validations, aws_ec2 as ec2, aws_s3 as s3, aws_sqs as sqs } from 'aws-cdk-lib';
import { AwsSolutionsChecks, PCIDSS321Checks } from 'cdk-nag';
import type { IConstruct } from 'constructs';

import { PaymentsStage } from '../../lib/payments-stage.ts';
import { DEV, PROD } from '../support/stage-under-test.ts';
import { acknowledgementsOf } from '../support/synthesised-stages.ts';
import { MINIMUM_REASON_LENGTH } from './rules/template-values.ts';

interface ValidationReport {
  readonly pluginReports: {
    readonly pluginName: string;
    readonly violations: {
      readonly ruleName: string;
      readonly violatingConstructs: { readonly constructPath: string }[];
    }[];
  }[];
}

const output = mkdtempSync(path.join(tmpdir(), 'charge-once-compliance-'));
afterAll(() => rmSync(output, { recursive: true }));

interface Acknowledgement {
  readonly construct: IConstruct;
  readonly rule: string;
  readonly reason: string;
}

/** Both stages, and the reasons that stand in them. */
function stages(): { findings: string[]; acknowledgements: Acknowledgement[] } {
  const app = newApp();
  for (const values of [DEV, PROD]) new PaymentsStage(app, values);
  const acknowledgements = app.node.findAll().flatMap((construct) =>
    acknowledgementsOf(construct)
      .flatMap((rules) => Object.entries(rules))
      .map(([rule, reason]) => ({ construct, rule, reason })),
  );
  return { findings: findingsOf(app), acknowledgements };
}

/** A queue as it comes, and a subnet in a zone by name: each plugin has something to say. */
function carelessFindings(): string[] {
  const app = newApp();
  const stack = new Stack(app, 'Careless');
  new sqs.CfnQueue(stack, 'Queue');
  new s3.CfnBucket(stack, 'Bucket');
  new ec2.CfnSubnet(stack, 'Subnet', {
    vpcId: 'vpc-1',
    cidrBlock: '10.0.0.0/24',
    availabilityZone: 'us-east-1a',
  });
  return findingsOf(app);
}

function newApp(): App {
  return new App({
    outdir: mkdtempSync(path.join(output, 'assembly-')),
    context: { 'aws:cdk:bundling-stacks': [] },
  });
}

/** What the packs and CloudFormation's own validation find; the latter is on unless it is turned off. */
function findingsOf(app: App): string[] {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new PCIDSS321Checks(app));
  try {
    app.synth();
  } catch (error) {
    // A finding makes synth throw; the report names it.
    if (!(error instanceof Error) || !/validation/i.test(error.message)) throw error;
  }
  const report = JSON.parse(
    readFileSync(path.join(app.outdir, 'validation-report.json'), 'utf8'),
  ) as ValidationReport;
  return report.pluginReports.flatMap(({ pluginName, violations }) =>
    violations.flatMap(({ ruleName, violatingConstructs }) =>
      violatingConstructs.map(({ constructPath }) => `${pluginName}: ${ruleName} at ${constructPath}`),
    ),
  );
}

describe('the compliance of both stages', () => {
  const { findings, acknowledgements } = stages();
  const careless = carelessFindings();

  it.each(['AwsSolutions', 'PCI.DSS.321', 'CloudFormation Validate'])('%s is asked', (name) => {
    expect(careless.some((finding) => finding.includes(name))).toBe(true);
  });

  it('has no finding that nobody has acknowledged', () => {
    expect(findings).toEqual([]);
  });

  it('acknowledges each finding with a reason', () => {
    const different = new Set(acknowledgements.map(({ rule, reason }) => `${rule}: ${reason}`));
    process.stdout.write(
      `Validations: ${acknowledgements.length} acknowledgements, ${different.size} of them different\n`,
    );
    const tooShort = acknowledgements.filter(({ reason }) => reason.trim().length < MINIMUM_REASON_LENGTH);
    expect(tooShort.map(({ construct, rule }) => `${rule} at ${construct.node.path}`)).toEqual([]);
  });

  it('acknowledges a wildcard beside the policy that has it, never for a whole stack', () => {
    const sweeping = acknowledgements.filter(
      ({ construct, rule }) =>
        rule.includes('-IAM5') && (Stack.isStack(construct) || Stage.isStage(construct)),
    );
    expect(sweeping.map(({ construct, rule }) => `${rule} at ${construct.node.path}`)).toEqual([]);
  });
});
