import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { App } from 'aws-cdk-lib';

/**
 * A CDK app of a test: without the code of its functions, which is tested where it runs, without CloudFormation's own
 * validation, which takes seconds for each app and is a test of its own, and without what only CDK's tools read. What it
 * synthesises goes with the test run.
 */
export function testApp(): App {
  return new App({
    outdir: mkdtempSync(path.join(process.env.TEST_RUN_FOLDER ?? tmpdir(), 'assembly-')),
    context: { 'aws:cdk:bundling-stacks': [], 'aws:cdk:disable-stack-trace': true },
    treeMetadata: false,
    builtinCloudFormationValidation: false,
  });
}
