import { CfnElement, Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

import type { StageValues } from '../../lib/config/stage-values.ts';
import { PaymentsStage } from '../../lib/payments-stage.ts';
import { DEV, PROD } from './stage-under-test.ts';
import { testApp } from './test-app.ts';

export interface SynthesisedResource {
  Type: string;
  Properties?: Record<string, unknown>;
  DependsOn?: unknown;
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
}

/** A stack's template, as plain data that a test may clone and spoil. */
export interface SynthesisedStack {
  /** Such as `network`. */
  readonly name: string;
  readonly region: string;
  /** What CloudFormation calls it; other stacks read its outputs by this name. */
  readonly stackName: string;
  terminationProtection: boolean;
  readonly resources: Record<string, SynthesisedResource>;
  readonly outputs: Record<string, { Value: unknown }>;
  /** Reasons that stand beside the constructs: by logical id, then by rule. */
  readonly reasons: Record<string, Record<string, string>>;
}

/** All stacks of a stage, whichever there are: nothing here names one, so that a new one cannot slip by. */
export interface SynthesisedStage {
  readonly name: string;
  /** The first holds what exists once. */
  readonly regions: readonly [string, string];
  readonly destroyableBecause: string | undefined;
  readonly stacks: SynthesisedStack[];
}

/** Both stages, by the code that `bin/app.ts` runs, but for the bundles of the functions. */
export function synthesiseStages(): SynthesisedStage[] {
  const app = testApp();
  const stages = [DEV, PROD].map((values) => ({ values, stage: new PaymentsStage(app, values) }));
  const templates = new Map(app.synth().stacksRecursively.map((stack) => [stack.hierarchicalId, stack]));
  return stages.map(({ values, stage }) => ({
    name: values.stageName,
    regions: [values.regions[0].region, values.regions[1].region],
    destroyableBecause: values.destroyableBecause,
    stacks: stage.node
      .findAll()
      .filter((construct) => Stack.isStack(construct))
      .map((stack) => {
        const artifact = templates.get(stack.node.path);
        if (artifact === undefined) throw new Error(`${stack.node.path} was not synthesised`);
        return {
          name: stack.node.id,
          region: regionOf(stack, values),
          stackName: stack.stackName,
          terminationProtection: artifact.terminationProtection ?? false,
          ...resourcesAndOutputs(artifact.template),
          reasons: reasonsOf(stack),
        };
      }),
  }));
}

function regionOf(stack: Stack, { regions }: StageValues): string {
  const region = regions.find((candidate) => candidate.region === stack.region);
  if (region === undefined)
    throw new Error(`${stack.node.path} is in ${stack.region}, which is not the stage's`);
  return region.region;
}

function resourcesAndOutputs(template: unknown): Pick<SynthesisedStack, 'resources' | 'outputs'> {
  const { Resources = {}, Outputs = {} } = template as {
    Resources?: SynthesisedStack['resources'];
    Outputs?: SynthesisedStack['outputs'];
  };
  const resources = Object.entries(Resources).filter(([, { Type }]) => Type !== 'AWS::CDK::Metadata');
  return { resources: Object.fromEntries(resources), outputs: Outputs };
}

/** Acknowledgements of a construct hold for all that it contains. */
function reasonsOf(stack: Stack): SynthesisedStack['reasons'] {
  const elements = stack.node.findAll().filter((construct) => CfnElement.isCfnElement(construct));
  return Object.fromEntries(
    elements.map((element) => [
      stack.resolve(element.logicalId) as string,
      Object.assign({}, ...element.node.scopes.flatMap(acknowledgementsOf)) as Record<string, string>,
    ]),
  );
}

/** What is acknowledged at this construct itself, by rule. */
export function acknowledgementsOf(construct: IConstruct): Record<string, string>[] {
  return construct.node.metadata
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .map(({ data }) =>
      Object.fromEntries(
        Object.entries(data as Record<string, string>).map(([rule, reason]) => [
          rule.replace(/^annotation::/i, ''),
          reason,
        ]),
      ),
    );
}
