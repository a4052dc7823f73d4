import { z } from 'zod';
import { LOCAL_ACCOUNT } from '../local-account.ts';
import { PHYSICAL_IDENTITIES } from './physical-identities.ts';
import { TemplateError, locationOf, type StackTemplate, type TemplateResource } from './stack-template.ts';

/** Where a value stands: its stack, and how an error names it. */
interface Place {
  readonly stack: StackTemplate;
  readonly location: string;
}

/** The arguments of the intrinsic functions, once what stands in them is resolved. */
const ARGUMENTS = {
  Ref: z.string(),
  'Fn::GetAtt': z.tuple([z.string(), z.string()]),
  'Fn::Join': z.tuple([z.string(), z.array(z.string())]),
  'Fn::Split': z.tuple([z.string(), z.string()]),
  'Fn::Select': z.tuple([z.coerce.number().int().nonnegative(), z.array(z.unknown())]),
  'Fn::Sub': z.union([
    z.tuple([z.string(), z.record(z.string(), z.string())]),
    z.string().transform((text): [string, Record<string, string>] => [text, {}]),
  ]),
  'Fn::ImportValue': z.string(),
  'Fn::GetStackOutput': z.strictObject({
    StackName: z.string(),
    Region: z.string().optional(),
    OutputName: z.string(),
  }),
};

type Intrinsic = keyof typeof ARGUMENTS;

/** `${Name}`, `${Name.Attribute}`, and `${!Literal}`, which stays as it is without its mark. */
const SUBSTITUTION = /\$\{(!?)([^}]+)\}/g;

/**
 * What the values of templates are once deployed, in the account that the emulators know: pseudo parameters,
 * references and the intrinsic functions that the stacks use. What it does not know it refuses, by the name of the
 * resource and the property.
 */
export class TemplateValues {
  readonly #stacks: readonly StackTemplate[];

  constructor(stacks: readonly StackTemplate[]) {
    this.#stacks = stacks;
  }

  /**
   * @param property path of the value in the resource's properties, for errors
   * @throws TemplateError
   */
  resolve(value: unknown, resource: TemplateResource, ...property: PropertyKey[]): unknown {
    return this.#resolve(value, { stack: resource.stack, location: locationOf(resource, ...property) });
  }

  #resolve(value: unknown, place: Place): unknown {
    if (Array.isArray(value)) return value.map((item, index) => this.#resolve(item, inside(place, index)));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value as Record<string, unknown>);
    const call = entries.find(([key]) => key === 'Ref' || key.startsWith('Fn::'));
    if (call === undefined) {
      return Object.fromEntries(entries.map(([key, item]) => [key, this.#resolve(item, inside(place, key))]));
    }
    const [name, argument] = call;
    if (entries.length > 1) throw refusal(place, `${name} stands beside other keys`);
    if (!isIntrinsic(name)) throw refusal(place, `the local cloud does not know ${name}`);
    return this.#call(name, argument, place);
  }

  #call(name: Intrinsic, argument: unknown, place: Place): unknown {
    const resolved = this.#resolve(argument, place);
    const read = <Name extends Intrinsic>(of: Name): z.infer<(typeof ARGUMENTS)[Name]> => {
      const result = ARGUMENTS[of].safeParse(resolved);
      if (result.success) return result.data as z.infer<(typeof ARGUMENTS)[Name]>;
      throw refusal(place, `${of} cannot take ${JSON.stringify(resolved)}`);
    };
    switch (name) {
      case 'Ref':
        return this.#reference(read(name), place);
      case 'Fn::GetAtt':
        return this.#attribute(...read(name), place);
      case 'Fn::Join': {
        const [delimiter, parts] = read(name);
        return parts.join(delimiter);
      }
      case 'Fn::Split': {
        const [delimiter, text] = read(name);
        return text.split(delimiter);
      }
      case 'Fn::Select': {
        const [index, list] = read(name);
        if (index >= list.length) throw refusal(place, `Fn::Select finds nothing at ${index}`);
        return list[index];
      }
      case 'Fn::Sub':
        return this.#substitute(...read(name), place);
      case 'Fn::ImportValue':
        return this.#import(read(name), place);
      case 'Fn::GetStackOutput':
        return this.#stackOutput(read(name), place);
    }
  }

  #reference(name: string, place: Place): string {
    const { stack } = place;
    switch (name) {
      case 'AWS::Region':
        return stack.region;
      case 'AWS::AccountId':
        return LOCAL_ACCOUNT;
      case 'AWS::Partition':
        return 'aws';
      case 'AWS::URLSuffix':
        return 'amazonaws.com';
      case 'AWS::StackName':
        return stack.stackName;
      default: {
        const { identity, physicalName } = this.#identify(name, place);
        return identity.ref(physicalName, stack.region);
      }
    }
  }

  #attribute(logicalId: string, attribute: string, place: Place): string {
    const { identity, physicalName } = this.#identify(logicalId, place);
    if (attribute !== 'Arn') {
      throw refusal(place, `the local cloud does not know ${logicalId}.${attribute}`);
    }
    return identity.arn(physicalName, place.stack.region);
  }

  #identify(logicalId: string, place: Place) {
    const { stack } = place;
    const resource = stack.resources[logicalId];
    if (resource === undefined) throw refusal(place, `${stack.path} has no resource ${logicalId}`);
    const { Type: type, Properties: properties } = resource;
    const identity = PHYSICAL_IDENTITIES.get(type);
    if (identity === undefined) {
      throw refusal(place, `the local cloud does not know what a reference to ${logicalId} (${type}) gives`);
    }
    const { nameProperty } = identity;
    const target = locationOf({ stack, logicalId, type, properties }, nameProperty);
    const physicalName = this.#resolve(properties[nameProperty], { stack, location: target });
    if (typeof physicalName !== 'string') {
      throw new TemplateError(`${target}: a name is needed; without one, each deployment makes one up`);
    }
    return { identity, physicalName };
  }

  #substitute(text: string, variables: Readonly<Record<string, string>>, place: Place): string {
    return text.replaceAll(SUBSTITUTION, (_, mark: string, name: string) => {
      if (mark === '!') return `\${${name}}`;
      const variable = variables[name];
      if (variable !== undefined) return variable;
      const [logicalId = '', attribute] = name.split('.', 2);
      if (attribute === undefined) return this.#reference(logicalId, place);
      return this.#attribute(logicalId, attribute, place);
    });
  }

  #import(exportName: string, place: Place): unknown {
    for (const stack of this.#stacks) {
      for (const [name, { Value: value, Export: exported }] of Object.entries(stack.outputs)) {
        const at = { stack, location: `${stack.path}: Outputs.${name}` };
        if (exported !== undefined && this.#resolve(exported.Name, at) === exportName) {
          return this.#resolve(value, at);
        }
      }
    }
    throw refusal(place, `no stack exports ${exportName}`);
  }

  #stackOutput(of: z.infer<(typeof ARGUMENTS)['Fn::GetStackOutput']>, place: Place): unknown {
    const region = of.Region ?? place.stack.region;
    const stack = this.#stacks.find(
      (candidate) => candidate.stackName === of.StackName && candidate.region === region,
    );
    const output = stack?.outputs[of.OutputName];
    if (stack === undefined || output === undefined) {
      throw refusal(place, `the stack ${of.StackName} in ${region} has no output ${of.OutputName} here`);
    }
    return this.#resolve(output.Value, { stack, location: `${stack.path}: Outputs.${of.OutputName}` });
  }
}

function isIntrinsic(name: string): name is Intrinsic {
  return Object.hasOwn(ARGUMENTS, name);
}

function inside({ stack, location }: Place, key: string | number): Place {
  return { stack, location: `${location}.${key}` };
}

function refusal({ location }: Place, reason: string): TemplateError {
  return new TemplateError(`${location}: ${reason}`);
}
