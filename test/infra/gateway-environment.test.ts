import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from '@jest/globals';

import {
  gatewayEnvironment,
  migrationEnvironment,
  readEnvironment,
  sweeperEnvironment,
} from '#contract/environment';
import { DEV, PROD, resourcesOf, StageUnderTest } from '#test/support/stage-under-test';

import { LEFT_TO_DEFAULT } from '../../lib/constructs/gateway-environment.ts';

/** Lambda sets it for every function, and takes no other value. */
const SET_BY_LAMBDA = ['AWS_REGION'];
/** Of Lambda's own, for a function with the extension that reads secrets, and for Node. */
const OF_THE_RUNTIME =
  /^(NODE_EXTRA_CA_CERTS|PARAMETERS_SECRETS_.*|SECRETS_MANAGER_.*|SSM_PARAMETER_STORE_.*)$/;

interface Container {
  readonly Name: string;
  readonly Environment: readonly { readonly Name: string; readonly Value: unknown }[];
  readonly Secrets?: readonly { readonly Name: string; readonly ValueFrom: unknown }[];
}

function gatewayContainer(template: Template): Container {
  const [definition] = resourcesOf(template, 'AWS::ECS::TaskDefinition');
  const containers = definition?.[1].Properties.ContainerDefinitions as readonly Container[];
  const gateway = containers.find(({ Name }) => Name === 'Gateway');
  if (gateway === undefined) throw new Error('there is no container of the gateway');
  return gateway;
}

function variablesOf(template: Template, description: string): Readonly<Record<string, unknown>> {
  const found = resourcesOf(template, 'AWS::Lambda::Function').find(
    ([, { Properties }]) => Properties.Description === description,
  );
  if (found === undefined) throw new Error(`there is no function "${description}"`);
  return (found[1].Properties.Environment as { Variables: Record<string, unknown> }).Variables;
}

/** What CloudFormation puts in the place of a reference has a form that its variable takes. */
function deployedValue(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (name === 'DATABASE_URLS') return 'postgres://gateway@proxy.example.com:5432/charge_once';
  return name.endsWith('_URL') ? 'https://sqs.us-east-1.amazonaws.com/000000000000/queue' : 'deployed';
}

function deployedValues(variables: readonly (readonly [string, unknown])[]): Record<string, string> {
  return Object.fromEntries(variables.map(([name, value]) => [name, deployedValue(name, value)]));
}

const CASES = [DEV, PROD].flatMap((values) => {
  const stage = new StageUnderTest(values);
  const [gateways, events] = [stage.templatesOf('gateway'), stage.templatesOf('events')];
  return values.regions.map(({ region }, index) => ({
    name: `${values.stageName} in ${region}`,
    region,
    gateway: index === 0 ? gateways[0] : gateways[1],
    events: index === 0 ? events[0] : events[1],
  }));
});

describe.each(CASES)('the environment of $name', ({ region, gateway, events }) => {
  const container = gatewayContainer(gateway);
  const set = container.Environment.map(({ Name, Value }) => [Name, Value] as const);
  const names = set.map(([name]) => name);

  it("is, for the gateway, the contract's key for key, but for what is left to its default", () => {
    const contract = Object.keys(gatewayEnvironment.shape);
    expect([...names, ...Object.keys(LEFT_TO_DEFAULT)].toSorted()).toEqual(contract.toSorted());
  });

  it('leaves to its default only what has one', () => {
    const values = deployedValues(set);
    expect(readEnvironment(gatewayEnvironment, values)).toMatchObject({
      NODE_ENV: 'production',
      AWS_REGION: region,
      SERVE_TLS: true,
      PORT: 8_443,
      STOP_TIMEOUT_MS: 110_000,
    });
  });

  it('holds no secret of the gateway, which reads them itself', () => {
    expect(container.Secrets ?? []).toEqual([]);
  });

  it("is, for the sweeper, the contract's", () => {
    const variables = variablesOf(
      events,
      'Finds the charges that nobody works on any more, and deletes what is long expired',
    );
    expect([...Object.keys(variables), ...SET_BY_LAMBDA, 'SWEEP_BATCH_SIZE'].toSorted()).toEqual(
      Object.keys(sweeperEnvironment.shape).toSorted(),
    );
    const values = deployedValues(Object.entries(variables));
    expect(readEnvironment(sweeperEnvironment, { ...values, AWS_REGION: region })).toBeDefined();
  });

  it("is, for the migrations, the contract's and the runtime's", () => {
    const variables = variablesOf(gateway, "Migrates the key store's shards");
    const own = Object.keys(variables).filter((name) => !OF_THE_RUNTIME.test(name));
    expect(own.toSorted()).toEqual(Object.keys(migrationEnvironment.shape).toSorted());
    expect(readEnvironment(migrationEnvironment, deployedValues(Object.entries(variables)))).toBeDefined();
  });
});
