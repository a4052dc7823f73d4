import { describe, expect, it } from '@jest/globals';

import { reasonOfSecondSale } from './second-sale.ts';

describe('several sales for one charge, at a PSP without keys', () => {
  const bounds = { arrivalMs: 10, loss: undefined };
  const sale = (markedAtMs: number, afterMs: number) => ({ markedAtMs, createdAtMs: markedAtMs + afterMs });

  it('are explained by an attempt that came late, whichever of them arrived last', () => {
    expect(reasonOfSecondSale([sale(0, 11), sale(5, 1)], bounds)).toBe('late');
    expect(reasonOfSecondSale([sale(50, 1), sale(0, 90)], bounds)).toBe('late');
  });

  it('are not explained by one that was in time, nor by the last attempt, which nobody follows', () => {
    expect(reasonOfSecondSale([sale(0, 10), sale(50, 1)], bounds)).toBe('none');
    expect(reasonOfSecondSale([sale(0, 1), sale(50, 99)], bounds)).toBe('none');
    expect(reasonOfSecondSale([sale(0, 99), sale(50, 1), sale(90, 1)], bounds)).toBe('none');
  });

  it('are explained by a region that was lost just after an attempt was made durable, and by no other', () => {
    const lost = { arrivalMs: 10, loss: { atMs: 100, tailMs: 20 } };
    expect(reasonOfSecondSale([sale(90, 1), sale(150, 1)], lost)).toBe('lost');
    expect(reasonOfSecondSale([sale(80, 1), sale(150, 1)], lost)).toBe('none');
    expect(reasonOfSecondSale([sale(101, 1), sale(150, 1)], lost)).toBe('none');
  });
});
