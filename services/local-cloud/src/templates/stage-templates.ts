import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { ProcessGroup } from '../process-group.ts';
import { readCloudAssembly, type StageRegion } from './cloud-assembly.ts';
import type { StackTemplate } from './stack-template.ts';
import { synthesise } from './synthesise.ts';
import { hashOfSources, TemplateCache } from './template-cache.ts';

const PROJECT_ROOT = path.join(import.meta.dirname, '../../../..');
const CACHE_FOLDER = path.join(PROJECT_ROOT, 'cdk.out/local');
/** What decides the templates as far as they are read here, and how they are made and kept. */
const SOURCES = [
  'bin/app.ts',
  'cdk.json',
  'lib',
  'package-lock.json',
  'package.json',
  'services/contract/src',
  'services/local-cloud/src/templates',
];

export interface StageTemplatesOptions extends StageRegion {
  /** Takes the cloud assembly for as long as it is read; nobody else's. */
  readonly scratchFolder: string;
  /** Runs the CDK app. */
  readonly group: Pick<ProcessGroup, 'run'>;
}

/**
 * The templates of what would be deployed to a region of a stage: synthesised, or those of an earlier start if no source
 * has changed since.
 *
 * @throws ProcessStartError where the CDK app fails; TemplateError where it has no such stage or region
 */
export async function stageTemplates(options: StageTemplatesOptions): Promise<readonly StackTemplate[]> {
  const cache = new TemplateCache(CACHE_FOLDER);
  const hashNow = () => hashOfSources(PROJECT_ROOT, SOURCES, `${options.stageName}/${options.region}`);
  const hash = await hashNow();
  const cached = await cache.read(hash);
  if (cached !== undefined) return cached;
  const templates = await synthesisedTemplates(options);
  // Sources that were changed meanwhile would be kept under the wrong hash.
  if ((await hashNow()) === hash) await cache.write(hash, templates);
  return templates;
}

async function synthesisedTemplates(options: StageTemplatesOptions): Promise<StackTemplate[]> {
  const { scratchFolder, group } = options;
  await rm(scratchFolder, { recursive: true, force: true });
  try {
    await synthesise(PROJECT_ROOT, scratchFolder, group);
    return await readCloudAssembly(scratchFolder, options);
  } finally {
    await rm(scratchFolder, { recursive: true, force: true });
  }
}
