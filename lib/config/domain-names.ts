import type { DomainValues } from './stage-values.ts';

/** Name of one region's load balancer, for clients that choose the region by themselves. */
export function regionalDomainName({ name }: DomainValues, region: string): string {
  return `${region}.${name}`;
}
