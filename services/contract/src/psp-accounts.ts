import { z } from 'zod';

/** The PSPs that charges can go to, by the names that are persisted with them. Append-only. */
export const PSP_NAMES = ['stripe', 'braintree'] as const;

export type PspName = (typeof PSP_NAMES)[number];

/**
 * The account of a PSP that a tenant charges through which names none, and that of every charge which was accepted
 * before there were several.
 */
export const DEFAULT_PSP_ACCOUNT = 'default';

/**
 * What an account of a PSP may be called, by us: the name is persisted with every charge, and is part of the names of
 * secrets.
 */
export const pspAccountName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, 'must be 1 to 40 of a-z, 0-9 and inner hyphens');
