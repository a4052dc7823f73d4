import { z } from 'zod';

const paymentIntents = z.array(
  z.object({
    id: z.string(),
    status: z.string(),
    amount: z.number(),
    netCharged: z.number(),
    currency: z.string(),
    metadata: z.record(z.string(), z.string()),
  }),
);

export type PspRecord = z.infer<typeof paymentIntents>[number];

/** What the simulated PSP holds of a charge, past its API. */
export async function pspRecordsOf(pspUrl: string, chargeId: string): Promise<PspRecord[]> {
  return pspRecords(pspUrl, `?metadata.charge_once_charge_id=${chargeId}`);
}

/** All that the simulated PSP holds. */
export async function pspRecords(pspUrl: string, query = ''): Promise<PspRecord[]> {
  const response = await fetch(`${pspUrl}/_control/payment_intents${query}`);
  return paymentIntents.parse(await response.json());
}

/** The sum that stands charged at the PSP: what was taken less what was given back. */
export function netCharged(records: readonly PspRecord[]): number {
  return records.reduce((sum, record) => sum + record.netCharged, 0);
}
