import { describe, expect, it } from '@jest/globals';
import type { EventPattern } from '#local-cloud/event-bus-definition';
import { matchesPattern } from '#local-cloud/event-pattern';

const event = {
  source: 'charge-once',
  'detail-type': 'payment.failed',
  resources: ['arn:one', 'arn:two'],
  detail: { amount: 1999, currency: 'usd', failure_code: null, psp: { name: 'stripe' } },
};

describe('an event pattern', () => {
  it.each<[string, EventPattern]>([
    ['an exact value of a list', { source: ['other', 'charge-once'] }],
    ['a value in a nested object', { detail: { psp: { name: ['stripe'] } } }],
    ['numbers and null by their type', { detail: { amount: [1999], failure_code: [null] } }],
    ['one value of a field that holds a list', { resources: ['arn:two'] }],
    ['a prefix', { 'detail-type': [{ prefix: 'payment.' }] }],
    ['a suffix', { 'detail-type': [{ suffix: '.failed' }] }],
    ['a field that exists', { detail: { currency: [{ exists: true }] } }],
    ['a field that does not exist', { detail: { refund: [{ exists: false }] } }],
    ['anything but other values', { detail: { currency: [{ 'anything-but': ['eur', 'gbp'] }] } }],
    ['anything but a prefix', { source: [{ 'anything-but': { prefix: 'aws.' } }] }],
  ])('matches %s', (_, pattern) => {
    expect(matchesPattern(pattern, event)).toBe(true);
  });

  it.each<[string, EventPattern]>([
    ['another value', { source: ['other'] }],
    ['a number written as text', { detail: { amount: ['1999'] } }],
    ['one field of two', { source: ['charge-once'], 'detail-type': ['payment.completed'] }],
    ['a field that is absent', { detail: { refund: ['re_1'] } }],
    ['a path through a value that is no object', { source: { name: ['charge-once'] } }],
    ['an object where a leaf must exist', { detail: { psp: [{ exists: true }] } }],
    ['the excluded value', { detail: { currency: [{ 'anything-but': 'usd' }] } }],
    ['the excluded prefix', { source: [{ 'anything-but': { prefix: 'charge-' } }] }],
    ['an excluded value of a field that is absent', { detail: { refund: [{ 'anything-but': 'x' }] } }],
  ])('does not match %s', (_, pattern) => {
    expect(matchesPattern(pattern, event)).toBe(false);
  });
});
