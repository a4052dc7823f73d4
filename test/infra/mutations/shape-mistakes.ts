import { type Mutation, some, part, remove } from './mutation.ts';

const SHAPE: Mutation['sentence'] = 'both regions synthesise the same shape';

export const SHAPE_MISTAKES: Mutation[] = [
  {
    mistake: 'a resource that is missing in one region',
    sentence: SHAPE,
    make: (stage) => remove(stage, some(stage, 'AWS::WAFv2::WebACLAssociation').placed),
  },
  {
    mistake: 'a resource that only one region has',
    sentence: SHAPE,
    make: ({ stacks }) => {
      part(stacks, 0, 'resources').Added = { Type: 'AWS::SNS::Topic' };
    },
  },
  {
    mistake: 'a stack that is missing in the second region',
    sentence: SHAPE,
    make: ({ stacks, regions }) => {
      stacks.splice(
        stacks.findIndex(({ name, region }) => name === 'audit' && region === regions[1]),
        1,
      );
    },
  },
];
