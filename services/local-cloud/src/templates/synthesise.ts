import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { ProcessGroup } from '../process-group.ts';

const SYNTHESIS_WITHIN_MS = 120_000;

const cdkSettings = z.object({ context: z.record(z.string(), z.unknown()).default({}) });

/** Functions are not bundled and images not copied: only the templates are read. */
const TEMPLATES_ONLY = { 'aws:cdk:bundling-stacks': [], 'aws:cdk:disable-asset-staging': true };

/**
 * Synthesises the CDK app as `cdk synth` does, with the settings of `cdk.json`, in a process of its own. The owner's
 * environment stays outside: the local cloud has no account and no domain.
 *
 * @param outputFolder takes the cloud assembly
 * @throws ProcessStartError with what the app wrote to its standard error
 */
export async function synthesise(
  projectRoot: string,
  outputFolder: string,
  group: Pick<ProcessGroup, 'run'>,
): Promise<void> {
  const settings = await readFile(path.join(projectRoot, 'cdk.json'), 'utf8');
  const { context } = cdkSettings.parse(JSON.parse(settings));
  await group.run({
    name: 'cdk-app',
    command: process.execPath,
    arguments: ['bin/app.ts'],
    environment: {
      PATH: process.env.PATH,
      CDK_OUTDIR: outputFolder,
      CDK_CONTEXT_JSON: JSON.stringify({ ...context, ...TEMPLATES_ONLY }),
      // Costs most of the time. The tests of the stacks and every `cdk synth` validate.
      CDK_VALIDATION: 'false',
    },
    workingDirectory: projectRoot,
    endsWithinMs: SYNTHESIS_WITHIN_MS,
  });
}
