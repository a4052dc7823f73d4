import { describe, expect, it } from '@jest/globals';
import { stackTemplate, type StackTemplate } from '#local-cloud/templates/stack-template';
import { TemplateValues } from '#local-cloud/templates/template-values';

const REGION = 'us-east-1';

const queue = (name: unknown) => ({ Type: 'AWS::SQS::Queue', Properties: { QueueName: name } });

const data: StackTemplate = stackTemplate.parse({
  path: 'dev/us-east-1/data',
  stackName: 'charge-once-dev-data',
  region: REGION,
  resources: {
    Ledger: { Type: 'AWS::DynamoDB::GlobalTable', Properties: { TableName: 'ledger' } },
  },
  outputs: {
    LedgerName: { Value: { Ref: 'Ledger' } },
    LedgerArn: {
      Value: { 'Fn::GetAtt': ['Ledger', 'Arn'] },
      Export: { Name: { 'Fn::Join': ['-', ['ledger', { Ref: 'AWS::Region' }]] } },
    },
  },
});

const events: StackTemplate = stackTemplate.parse({
  path: 'dev/us-east-1/events',
  stackName: 'charge-once-dev-events',
  region: REGION,
  resources: {
    Orders: queue('orders'),
    Composed: queue({ 'Fn::Join': ['-', ['orders', { Ref: 'AWS::AccountId' }]] }),
    Nameless: { Type: 'AWS::SQS::Queue' },
    Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'payments' } },
    Bucket: { Type: 'AWS::S3::Bucket', Properties: { BucketName: 'archive' } },
    Key: { Type: 'AWS::KMS::Key' },
  },
  outputs: {},
});

const values = new TemplateValues([data, events]);

const resolve = (value: unknown): unknown =>
  values.resolve(
    value,
    { stack: events, logicalId: 'Orders', type: 'AWS::SQS::Queue', properties: {} },
    'RedrivePolicy',
    'deadLetterTargetArn',
  );

const arn = (logicalId: string) => ({ 'Fn::GetAtt': [logicalId, 'Arn'] });

describe('the values of templates', () => {
  it('are themselves where nothing is to be resolved, however deep', () => {
    const plain = { list: [1, 'two', null, { three: true }] };
    expect(resolve(plain)).toEqual(plain);
  });

  it.each([
    ['a pseudo parameter', { Ref: 'AWS::AccountId' }, '000000000000'],
    ['the region', { Ref: 'AWS::Region' }, REGION],
    ['the partition', { Ref: 'AWS::Partition' }, 'aws'],
    ['the name of the stack', { Ref: 'AWS::StackName' }, 'charge-once-dev-events'],
    ["a queue's URL", { Ref: 'Orders' }, 'https://sqs.us-east-1.amazonaws.com/000000000000/orders'],
    ["a queue's ARN", arn('Orders'), 'arn:aws:sqs:us-east-1:000000000000:orders'],
    ['a name put together', arn('Composed'), 'arn:aws:sqs:us-east-1:000000000000:orders-000000000000'],
    ["a bus's name", { Ref: 'Bus' }, 'payments'],
    ["a bus's ARN", arn('Bus'), 'arn:aws:events:us-east-1:000000000000:event-bus/payments'],
    ["a bucket's ARN", arn('Bucket'), 'arn:aws:s3:::archive'],
    ['parts joined', { 'Fn::Join': ['-', ['a', { Ref: 'Bus' }]] }, 'a-payments'],
    ['a part selected', { 'Fn::Select': ['1', { 'Fn::Split': [':', 'a:b:c'] }] }, 'b'],
    [
      'a substitution',
      { 'Fn::Sub': '${Bus}/${Orders.Arn}/${!Kept}' },
      'payments/arn:aws:sqs:us-east-1:000000000000:orders/${Kept}',
    ],
    ['a substitution by its own map', { 'Fn::Sub': ['${Name}-x', { Name: { Ref: 'Bus' } }] }, 'payments-x'],
    [
      "another stack's export",
      { 'Fn::ImportValue': 'ledger-us-east-1' },
      'arn:aws:dynamodb:us-east-1:000000000000:table/ledger',
    ],
    [
      "another stack's output",
      {
        'Fn::GetStackOutput': { StackName: 'charge-once-dev-data', Region: REGION, OutputName: 'LedgerName' },
      },
      'ledger',
    ],
  ])('give %s', (_, value, expected) => {
    expect(resolve(value)).toBe(expected);
  });

  it.each([
    ['an intrinsic function', { 'Fn::If': ['IsProd', 'a', 'b'] }, 'does not know Fn::If'],
    ['an attribute', { 'Fn::GetAtt': ['Orders', 'QueueType'] }, 'does not know Orders.QueueType'],
    ['a type', arn('Key'), 'Key (AWS::KMS::Key)'],
    ['a resource', { Ref: 'Nothing' }, 'has no resource Nothing'],
    ['a key beside a function', { Ref: 'Orders', Other: 1 }, 'Ref stands beside other keys'],
    ['an argument', { 'Fn::Join': ['-', 'orders'] }, 'Fn::Join cannot take ["-","orders"]'],
    ['an index', { 'Fn::Select': [3, ['a', 'b']] }, 'Fn::Select finds nothing at 3'],
    ['an export', { 'Fn::ImportValue': 'elsewhere' }, 'no stack exports elsewhere'],
    [
      'an output of another region',
      {
        'Fn::GetStackOutput': {
          StackName: 'charge-once-dev-data',
          Region: 'us-west-2',
          OutputName: 'LedgerName',
        },
      },
      'the stack charge-once-dev-data in us-west-2 has no output LedgerName here',
    ],
  ])('are refused by resource and property where %s is not known', (_, value, reason) => {
    const attempt = () => resolve({ inner: [value] });
    expect(attempt).toThrow(reason);
    expect(attempt).toThrow(
      'dev/us-east-1/events: Orders (AWS::SQS::Queue) RedrivePolicy.deadLetterTargetArn.inner.0: ',
    );
  });

  it('are refused where a resource has no name of its own, by that resource', () => {
    expect(() => resolve(arn('Nameless'))).toThrow(
      'dev/us-east-1/events: Nameless (AWS::SQS::Queue) QueueName: a name is needed',
    );
  });
});
