import { isBraintreeRefusal } from '#gateway/psp/braintree-failure';
import { BraintreePaymentServiceProvider } from '#gateway/psp/braintree-payment-service-provider';
import { PspSignIn } from '#gateway/psp/psp-sign-in';

import { braintreeContract } from '../../gateway/psp/braintree.contract.ts';
import { systemClock } from '../../gateway/psp/psp-fixtures.ts';
import { fixedPspCredentials } from '../../support/fixed-psp-credentials.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { RecordingMetrics } from '../../support/recording-metrics.ts';
import { Coverage } from '../coverage.ts';
import { SeededRandom } from '../seeded-random.ts';
import { VirtualTime } from '../virtual-time.ts';
import { BraintreeModelClient } from './braintree-model-client.ts';
import { BraintreeModel, DUPLICATE_WINDOW_MS, type BraintreeBehaviour } from './braintree-model.ts';

const DAY_MS = 24 * 3_600_000;
/** By payment method, as the simulator's process has them. */
const BEHAVIOURS = new Map<string, BraintreeBehaviour>([
  ['card_declined_2000', 'decline'],
  ['card_nobody_has', 'validation-error'],
  ['sim_error_before_charge', 'error-before'],
  ['sim_error_after_charge', 'error-after'],
  ['sim_unavailable', 'unavailable-before'],
]);

braintreeContract("the adapter at the simulation's model", () => {
  const time = new VirtualTime();
  const model = new BraintreeModel({
    ...{ time, startEpochMs: Date.now(), random: new SeededRandom(1), coverage: new Coverage() },
    behaviourOf: ({ paymentMethod }) => BEHAVIOURS.get(paymentMethod) ?? 'approve',
    ...{ longestSearchLagMs: 0, duplicateWindowMs: DUPLICATE_WINDOW_MS, firstSettlementAtMs: DAY_MS },
    onChange: () => undefined,
  });
  const client = new BraintreeModelClient({
    braintree: model,
    route: (_operation, _timeoutMs, apply) => Promise.resolve(apply().answer),
    markedAtMs: () => time.nowMs,
  });
  const logger = new RecordingLogger();
  const signIn = new PspSignIn({
    ...{ pspName: 'braintree', timeoutMs: 1_500, isRefusal: isBraintreeRefusal, clock: systemClock, logger },
    credentials: fixedPspCredentials({ merchantId: 'merchant', publicKey: 'public', privateKey: 'private' }),
    metrics: new RecordingMetrics(),
  });
  const elapse = (elapsedMs: number): Promise<void> => {
    time.after(elapsedMs, () => time.wake());
    time.step();
    return Promise.resolve();
  };
  return Promise.resolve({
    psp: new BraintreePaymentServiceProvider(client, signIn, logger),
    elapse,
    settle: () => elapse(DAY_MS),
    transactions: () => Promise.resolve(model.transactions),
    close: () => Promise.resolve(),
  });
});
