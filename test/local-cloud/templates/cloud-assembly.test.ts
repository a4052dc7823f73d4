import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Guardian } from '#local-cloud/guardian';
import { ProcessGroup } from '#local-cloud/process-group';
import { readCloudAssembly } from '#local-cloud/templates/cloud-assembly';
import { synthesise } from '#local-cloud/templates/synthesise';

describe('the cloud assembly that the local cloud synthesises', () => {
  let folder: string;
  let guardian: Guardian;
  let group: ProcessGroup;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'charge-once-assembly-'));
    guardian = new Guardian();
    guardian.start();
    const listener = { spawned: () => undefined, printed: () => undefined, lost: () => undefined };
    group = new ProcessGroup({ guardian, listener, restart: false });
    await synthesise(process.cwd(), folder, group);
  }, 130_000);

  afterAll(async () => {
    await group.stop();
    await guardian.dismiss();
    await rm(folder, { recursive: true, force: true });
  });

  it('holds the stacks of a region of a stage under the paths by which they are deployed', async () => {
    const templates = await readCloudAssembly(folder, { stageName: 'dev', region: 'us-east-1' });
    const paths = templates.map((template) => template.path);
    for (const stack of ['data', 'events', 'gateway', 'audit']) {
      expect(paths).toContain(`dev/us-east-1/${stack}`);
    }
    expect(new Set(templates.map(({ region }) => region))).toEqual(new Set(['us-east-1']));
    expect(templates.every(({ stackName }) => stackName.startsWith('charge-once-dev-'))).toBe(true);
  });

  it('knows no account of an owner', async () => {
    expect(await readFile(path.join(folder, 'assembly-dev/manifest.json'), 'utf8')).toContain(
      'aws://unknown-account/us-east-1',
    );
  });

  it('is refused for a stage or a region that it does not have', async () => {
    await expect(readCloudAssembly(folder, { stageName: 'test', region: 'us-east-1' })).rejects.toThrow(
      'The cloud assembly has no stage test',
    );
    await expect(readCloudAssembly(folder, { stageName: 'dev', region: 'eu-west-1' })).rejects.toThrow(
      'The stage dev has no stack in eu-west-1',
    );
  });
});
