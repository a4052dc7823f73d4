import { Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

import type { PhysicalNames } from '../config/physical-names.ts';
import { isProtected } from '../config/removal.ts';
import type { RegionValues, StageValues } from '../config/stage-values.ts';

export interface RegionalStackProps extends StackProps {
  readonly values: StageValues;
  readonly names: PhysicalNames;
  /** Which of the stage's two regions this stack is for. */
  readonly regionIndex: 0 | 1;
}

/** A stack that exists once in each region of a stage. */
export class RegionalStack extends Stack {
  readonly values: StageValues;
  readonly names: PhysicalNames;
  readonly regionIndex: 0 | 1;
  readonly regionValues: RegionValues;

  constructor(scope: Construct, id: string, props: RegionalStackProps) {
    const { values, names, regionIndex, ...stackProps } = props;
    const regionValues = values.regions[regionIndex];
    super(scope, id, {
      stackName: names.stack(id),
      terminationProtection: isProtected(values),
      ...stackProps,
      env: {
        region: regionValues.region,
        ...(values.account === undefined ? {} : { account: values.account }),
      },
    });
    this.values = values;
    this.names = names;
    this.regionIndex = regionIndex;
    this.regionValues = regionValues;
  }

  /** The zones that the stage names. CDK's own answer asks the account, once it is known, and so needs credentials. */
  override get availabilityZones(): string[] {
    return [...this.regionValues.availabilityZones];
  }

  /** Whether this is the region whose stacks hold what exists once for both. */
  get isFirstRegion(): boolean {
    return this.regionIndex === 0;
  }

  /** The stage's other region. */
  get otherRegion(): RegionValues {
    return this.values.regions[this.isFirstRegion ? 1 : 0];
  }
}
