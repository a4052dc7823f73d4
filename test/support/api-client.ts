import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ChargeBody {
  readonly amount: number;
  readonly currency: string;
  readonly payment_method: string;
  readonly reference?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** As received. */
  readonly text: string;
}

export interface ApiClientOptions {
  readonly url: string;
  readonly apiKey: string;
}

export function chargeBody(paymentMethod = 'pm_card_visa', amount = 1999): ChargeBody {
  return { amount, currency: 'usd', payment_method: paymentMethod };
}

/** A client of the API as a careful application writes one. */
export class ApiClient {
  private readonly options: ApiClientOptions;

  constructor(options: ApiClientOptions) {
    this.options = options;
  }

  /** One request, on a connection of its own, so that tasks which share a port share the requests. */
  async charge(key: string, body: unknown): Promise<ApiAnswer> {
    const response = await fetch(`${this.options.url}/v1/charges`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${this.options.apiKey}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': key,
        Connection: 'close',
      },
      body: JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  /**
   * Asks with the same key until the answer is terminal, through broken connections, 202, 409, 5xx.
   *
   * @throws Error when there is no terminal answer within `withinMs`
   */
  async chargeUntilTerminal(key: string, body: unknown, withinMs = 60_000): Promise<ApiAnswer> {
    const deadlineMs = performance.now() + withinMs;
    let last = 'nothing';
    while (performance.now() < deadlineMs) {
      try {
        const answer = await this.charge(key, body);
        if (![202, 409, 500, 503, 504].includes(answer.status)) return answer;
        last = `${answer.status} ${answer.text}`;
      } catch (error) {
        last = String(error);
      }
      await sleep(100 + Math.random() * 200);
    }
    throw new Error(`no terminal answer for ${key} within ${withinMs} ms; the last was ${last}`);
  }

  async get(chargeId: string): Promise<ApiAnswer> {
    const response = await fetch(`${this.options.url}/v1/charges/${chargeId}`, {
      headers: { Authorization: `Bearer ${this.options.apiKey}`, Connection: 'close' },
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
}

/** A new idempotency key. */
export function newKey(): string {
  return randomUUID();
}
