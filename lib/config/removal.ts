import { RemovalPolicy } from 'aws-cdk-lib';

import type { StageValues } from './stage-values.ts';

/** What becomes of a stateful resource when its stack goes: it stays, unless the stage says why it may go. */
export function removalPolicyOf(values: StageValues): RemovalPolicy {
  return isProtected(values) ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
}

/** Whether stateful resources refuse to be deleted. */
export function isProtected(values: StageValues): boolean {
  return values.destroyableBecause === undefined;
}
