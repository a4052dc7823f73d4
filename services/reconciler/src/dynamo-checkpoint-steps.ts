import type { ChargeKey } from '#gateway/idempotency/charge-key';
import { checkpointReader, isLaunched, keyAttributes } from '#gateway/idempotency/dynamo-checkpoint-item';
import type { DynamoRequests } from '#gateway/platform/dynamo-requests';
import { CHECKPOINT_STEPS, type CheckpointStep } from '#gateway/saga/checkpoint';

import type { CheckpointSteps } from './reconciliation-ports.ts';

/** CheckpointSteps in a DynamoDB table. Reads neither the payload nor the answer. */
export class DynamoCheckpointSteps implements CheckpointSteps {
  readonly #requests: DynamoRequests;
  readonly #tableName: string;

  constructor(requests: DynamoRequests, tableName: string) {
    this.#requests = requests;
    this.#tableName = tableName;
  }

  async stepOf(key: ChargeKey): Promise<CheckpointStep | undefined> {
    const item = await this.#requests.get('checkpoints', {
      TableName: this.#tableName,
      Key: keyAttributes(key),
      ConsistentRead: true,
    });
    if (item === undefined) return undefined;
    const reader = checkpointReader(item);
    return isLaunched(reader) ? reader.oneOf('step', CHECKPOINT_STEPS) : undefined;
  }
}
