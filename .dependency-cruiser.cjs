/** Dependencies point one way: lib -> contract <- services; ports and pure logic import no SDK. */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'A cycle means that two files are one concept, or that a port is missing.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'contract-depends-on-nothing-of-ours',
      severity: 'error',
      from: { path: '^services/contract' },
      to: { path: '^(lib|bin|test|services/(?!contract))' },
    },
    {
      name: 'infrastructure-knows-only-the-contract',
      severity: 'error',
      from: { path: '^(lib/|bin/app)' },
      to: { path: '^services/(?!contract)' },
    },
    {
      name: 'a-service-knows-only-the-contract',
      comment:
        'Each process can be deployed without the source of another; local-cloud starts them all, local-console looks into them.',
      severity: 'error',
      from: { path: '^services/(?!contract|local-cloud|local-console|reconciler)([^/]+)/' },
      to: { path: '^services/(?!contract)', pathNot: '^services/$1/' },
    },
    {
      name: 'the-reconciler-reads-by-the-code-that-writes',
      comment:
        "Ledger entries, key rows and the PSPs' amounts are read by the gateway's own modules, bundled with it, so that " +
        'the two cannot understand an entry or an amount differently; and a ticket is sent as the sweeper sends it. ' +
        'Never anything that runs a charge.',
      severity: 'error',
      from: { path: '^services/reconciler/' },
      to: {
        path: '^services/(?!contract|reconciler)',
        pathNot: [
          '^services/gateway/src/(ledger|platform|psp)/',
          '^services/gateway/src/idempotency/(charge-key|shard-map|dynamo-checkpoint-item)\\.ts$',
          '^services/gateway/src/saga/checkpoint\\.ts$',
          '^services/sweeper/src/(sqs-)?ticket-queue\\.ts$',
        ],
      },
    },
    {
      name: 'the-core-imports-no-sdk',
      comment:
        'saga, idempotency and ledger hold ports and pure logic; their adapters are named after a technology.',
      severity: 'error',
      from: {
        path: '^services/gateway/src/(saga|idempotency|ledger)/',
        pathNot: '/(aurora|dynamo|pg)-[^/]+\\.ts$|/migrations/',
      },
      to: {
        path: 'node_modules/(@aws-sdk|@smithy|@opentelemetry|pg|stripe|braintree|express|cockatiel)(/|$)',
      },
    },
    {
      name: 'the-core-does-not-know-its-adapters',
      severity: 'error',
      from: {
        path: '^services/gateway/src/(saga|idempotency|ledger)/',
        pathNot: '/(aurora|dynamo|pg)-[^/]+\\.ts$|/migrations/',
      },
      to: {
        path: '/(aurora|dynamo|pg|stripe)-[^/]+\\.ts$|^services/gateway/src/(http|recovery/(?!recovery-ticket-sender)|main|app)',
      },
    },
    {
      name: 'nothing-depends-on-tests',
      severity: 'error',
      from: { path: '^(services|lib|bin)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^test/' },
    },
    {
      name: 'no-dev-dependency-in-what-is-deployed',
      severity: 'error',
      from: {
        path: '^services/(gateway|sweeper|reconciler|audit-archiver|consumers|contract)/',
        // The bundling itself runs on the machine that builds the image.
        pathNot: '^services/(gateway|consumers)/build\\.mjs$',
      },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
