import { z } from 'zod';

import type { ResourceDefinitions } from '#local-cloud/resource-definitions';

const testCloudSchema = z.object({
  /** Superuser URLs of the embedded PostgreSQL servers, one a shard; each test creates its own database. */
  postgresUrls: z.array(z.string()),
  dynamodbEndpoint: z.string(),
  sqsEndpoint: z.string(),
  eventBridgeEndpoint: z.string(),
  /** Holds a secret of the account `default` of each PSP, which the simulator takes. */
  secretsManagerEndpoint: z.string(),
  /** A simulator of Stripe that all tests share; charges of different tests do not meet. */
  pspSimulatorUrl: z.string(),
  /** What the synthesised templates declare, made on the servers above. */
  resources: z.custom<ResourceDefinitions>((value) => typeof value === 'object' && value !== null),
});

export type TestCloud = z.infer<typeof testCloudSchema>;

/** Where the parts are that this run of the tests shares. */
export function testCloud(): TestCloud {
  const text = process.env.TEST_CLOUD;
  if (text === undefined) throw new Error('TEST_CLOUD is not set: run the tests with `npm run test:only`');
  return testCloudSchema.parse(JSON.parse(text));
}
