import type { SynthesisedStage } from '../../support/synthesised-stages.ts';
import { type Mutation, type Template, some, without, add } from './mutation.ts';

const ENVIRONMENT: Mutation['sentence'] = "each process's environment equals the runtime's schema exactly";

/** The variables of the gateway's container in the second region, where a mistake is seen last. */
function gatewayVariables(stage: SynthesisedStage): Template[] {
  const { properties } = some(
    stage,
    'AWS::ECS::TaskDefinition',
    ({ stack }) => stack.region === stage.regions[1],
  );
  const containers = properties.ContainerDefinitions as { Name: string; Environment: Template[] }[];
  const gateway = containers.find(({ Name }) => Name === 'Gateway');
  if (gateway === undefined) throw new Error('no container Gateway');
  return gateway.Environment;
}

export const ENVIRONMENT_MISTAKES: Mutation[] = [
  {
    mistake: 'a name that is missing in the second region',
    sentence: ENVIRONMENT,
    make: (stage) => {
      gatewayVariables(stage).pop();
    },
  },
  {
    mistake: 'a name that no process reads',
    sentence: ENVIRONMENT,
    make: (stage) => {
      gatewayVariables(stage).push({ Name: 'DATABASE_URL', Value: 'postgres://one' });
    },
  },
  {
    mistake: 'a name that is set twice',
    sentence: ENVIRONMENT,
    make: (stage) => {
      gatewayVariables(stage).push({ ...gatewayVariables(stage)[0] });
    },
  },
  {
    mistake: 'a secret that no process reads from its environment',
    sentence: ENVIRONMENT,
    make: (stage) => {
      const { properties } = some(stage, 'AWS::ECS::TaskDefinition');
      const containers = properties.ContainerDefinitions as { Name: string; Secrets?: unknown[] }[];
      const gateway = containers.find(({ Name }) => Name === 'Gateway');
      if (gateway === undefined) throw new Error('no container Gateway');
      gateway.Secrets = [{ Name: 'STRIPE_SECRET_KEY', ValueFrom: 'arn:aws:secretsmanager:::secret:one' }];
    },
  },
  {
    mistake: 'a function without one of its names',
    sentence: ENVIRONMENT,
    make: without('AWS::Lambda::Function', 'Environment', 'Variables', 'RECOVERY_QUEUE_URL'),
  },
  {
    mistake: 'a function that has no contract',
    sentence: ENVIRONMENT,
    make: add('AWS::Lambda::Function', { Environment: { Variables: { TABLE: 'one' } } }, 'events'),
  },
];
