import { Guardian } from '#local-cloud/guardian';
import { startLocalCloud } from '#local-cloud/local-cloud';
import { localPspSecrets } from '#local-cloud/local-psp-secrets';
import { ProcessGroup } from '#local-cloud/process-group';
import { createTemporaryDataFolder, removeDataFolder } from '#local-cloud/temporary-data-folder';
import type { TestCloud } from './test-cloud.ts';

/**
 * The parts that a run of the tests shares. Prints where they are as one line of JSON, then stays until its standard
 * input closes or a signal comes, stops everything and removes its folder.
 */
const SHARD_COUNT = 2;

const dataDir = createTemporaryDataFolder('charge-once-test-');
const guardian = new Guardian();
guardian.start();
guardian.removeFolderAtLoss(dataDir);
const group = new ProcessGroup({
  guardian,
  listener: {
    spawned: () => undefined,
    printed: () => undefined,
    lost: (lost, reason) => console.error(`test cloud: ${lost.name} ${reason}`),
  },
  restart: false,
});

async function stop(exitCode: number): Promise<void> {
  await group.stop();
  removeDataFolder(dataDir);
  await guardian.dismiss();
  process.exit(exitCode);
}

let stopping: Promise<void> | undefined;
const stopOnce = (exitCode: number): void => {
  stopping ??= stop(exitCode);
};
process.stdin.once('end', () => stopOnce(0)).resume();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopOnce(0));

try {
  const cloud = await startLocalCloud(
    {
      dataDir,
      inMemory: true,
      shardCount: SHARD_COUNT,
      databaseName: 'postgres',
      region: 'us-east-1',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      external: {},
      preferredPorts: {},
      pspSecrets: localPspSecrets({}),
      pspSimulatorEnvironment: {},
    },
    group,
  );
  const description: TestCloud = {
    postgresUrls: [...cloud.databaseUrls],
    dynamodbEndpoint: cloud.dynamodbEndpoint,
    sqsEndpoint: cloud.sqsEndpoint,
    eventBridgeEndpoint: cloud.eventBridgeEndpoint,
    secretsManagerEndpoint: cloud.secretsManagerEndpoint,
    pspSimulatorUrl: cloud.pspUrl,
    resources: cloud.resources,
  };
  console.log(JSON.stringify(description));
} catch (error) {
  if (!stopping) console.error(error);
  stopOnce(1);
}
