import { describe, expect, it } from '@jest/globals';

import { consumerEnvironment, readEnvironment } from '#contract/environment';
import { CONSUMERS } from '#contract/events';
import { readLocalRunEnvironment } from '#local-cloud/local-run-environment';
import { referenceConsumers, type ProductSettings } from '#local-cloud/product-processes';
import { testCloud } from '#test/support/test-cloud';

/** What a local run would tell its processes, as far as the consumers are told it. */
function settings(outer: Record<string, string>, withTable = true): ProductSettings {
  const { resources, dynamodbEndpoint, sqsEndpoint, eventBridgeEndpoint } = testCloud();
  const { consumersTable, ...names } = resources.names;
  if (consumersTable === undefined) throw new Error('the dev stage has reference consumers');
  const cloud = {
    resources: { ...resources, names: withTable ? { ...names, consumersTable } : names },
    databaseUrls: [],
    dynamodbEndpoint,
    sqsEndpoint,
    eventBridgeEndpoint,
    queueUrls: new Map(resources.queues.map(({ name }) => [name, `${sqsEndpoint}/000000000000/${name}`])),
  } as unknown as ProductSettings['cloud'];
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const run = readLocalRunEnvironment(outer);
  return { run, cloud, region: 'us-east-1', credentials, outer, tokenSealingKeys: '' };
}

describe('the reference consumers of the local run', () => {
  it('are one process for each queue, told what their contract wants', () => {
    const processes = referenceConsumers(settings({ MAX_EVENTS_IN_FLIGHT: '3' }));
    expect(processes.map(({ name }) => name)).toEqual(CONSUMERS.map((consumer) => `consumer-${consumer}`));
    const read = processes.map(({ environment }) => readEnvironment(consumerEnvironment, environment));
    expect(read.map(({ CONSUMER }) => CONSUMER)).toEqual([...CONSUMERS]);
    expect(new Set(read.map(({ CONSUMER_QUEUE_URL: url }) => url)).size).toBe(CONSUMERS.length);
    expect(read.map(({ MAX_EVENTS_IN_FLIGHT }) => MAX_EVENTS_IN_FLIGHT)).toEqual([3, 3, 3]);
  });

  it('are none where they are off, or where the stage has none', () => {
    expect(referenceConsumers(settings({ CONSUMERS: 'off' }))).toEqual([]);
    expect(referenceConsumers(settings({}, false))).toEqual([]);
  });
});
