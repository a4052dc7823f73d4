import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { TemplateError, stackTemplate, type StackTemplate } from './stack-template.ts';

/** What is read of a cloud assembly's manifest; the rest is for whoever deploys. */
const manifestSchema = z.object({
  artifacts: z.record(
    z.string(),
    z.object({
      type: z.string(),
      displayName: z.string().optional(),
      /** `aws://account/region` */
      environment: z.string().optional(),
      properties: z
        .object({
          displayName: z.string().optional(),
          directoryName: z.string().optional(),
          stackName: z.string().optional(),
          templateFile: z.string().optional(),
        })
        .optional(),
    }),
  ),
});

const templateSchema = z.object({
  Resources: stackTemplate.shape.resources,
  Outputs: stackTemplate.shape.outputs.default({}),
});

/** Which part of an assembly: one region of a stage. */
export interface StageRegion {
  readonly stageName: string;
  readonly region: string;
}

/**
 * Reads the templates of one region of a stage out of a cloud assembly, which `cdk synth` writes.
 *
 * @throws TemplateError where the assembly has no such stage, or the stage nothing in the region
 */
export async function readCloudAssembly(
  folder: string,
  { stageName, region }: StageRegion,
): Promise<StackTemplate[]> {
  const stage = (await artifactsOf(folder)).find(
    ({ type, properties }) => type === 'cdk:cloud-assembly' && properties?.displayName === stageName,
  );
  if (stage?.properties?.directoryName === undefined) {
    throw new TemplateError(`The cloud assembly has no stage ${stageName}`);
  }
  const stageFolder = path.join(folder, stage.properties.directoryName);
  const stacks = (await artifactsOf(stageFolder)).filter(
    ({ type, environment }) =>
      type === 'aws:cloudformation:stack' && environment?.split('/').at(-1) === region,
  );
  if (stacks.length === 0) throw new TemplateError(`The stage ${stageName} has no stack in ${region}`);
  return Promise.all(
    stacks.map(async ({ displayName, properties }) => {
      const text = await readFile(path.join(stageFolder, properties?.templateFile ?? ''), 'utf8');
      const { Resources: resources, Outputs: outputs } = templateSchema.parse(JSON.parse(text));
      const stackName = properties?.stackName ?? '';
      return { path: displayName ?? stackName, stackName, region, resources, outputs };
    }),
  );
}

async function artifactsOf(folder: string) {
  const text = await readFile(path.join(folder, 'manifest.json'), 'utf8');
  return Object.values(manifestSchema.parse(JSON.parse(text)).artifacts);
}
