import { Template } from 'aws-cdk-lib/assertions';

import type { StageValues } from '../../lib/config/stage-values.ts';
import { devStage, prodStage, type OwnerValues } from '../../lib/config/stages.ts';
import { PaymentsStage, type RegionStacks } from '../../lib/payments-stage.ts';
import { testApp } from './test-app.ts';

const OWNER: OwnerValues = {
  account: undefined,
  domainName: 'example.com',
  hostedZoneId: 'Z00000000000EXAMPLE',
  hostedZoneName: 'example.com',
  alarmEmail: undefined,
};

export const DEV = devStage(OWNER);
export const PROD = prodStage(OWNER);

export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DependsOn?: readonly string[];
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

/** A stage as it would be deployed, but for the code of its functions. */
export class StageUnderTest {
  readonly stage: PaymentsStage;

  constructor(values: StageValues) {
    this.stage = new PaymentsStage(testApp(), values);
  }

  /** The first region's template of a stack, and the second's. */
  templatesOf(stack: keyof RegionStacks): [Template, Template] {
    const [first, second] = this.stage.regions.map((region) => {
      const found = region[stack];
      if (found === undefined) throw new Error(`the stage has no stack ${stack}`);
      return Template.fromStack(found);
    }) as [Template, Template];
    return [first, second];
  }
}

/** The resources of a type, by logical id. */
export function resourcesOf(template: Template, type: string): [logicalId: string, resource: Resource][] {
  return Object.entries(template.findResources(type)).map(([id, resource]) => [id, resource as Resource]);
}
