/** A merchant that charges through the gateway, with its own limits. */
export interface Tenant {
  readonly tenantId: string;
  /** The PSP that its charges go to. */
  readonly pspName: string;
  /** The PSP's account that its charges are made through, by our name of it. */
  readonly pspAccount: string;
  /** ISO 4217, lower case; absent: every currency that the API knows. */
  readonly currencies: readonly string[] | undefined;
  /** The largest single charge, in minor units of whatever currency it is in. */
  readonly maximumAmountMinor: number;
  readonly disabled: boolean;
}

/** Finds the tenant of an API key. */
export interface TenantDirectory {
  /**
   * @returns the tenant, or undefined where the key is unknown, revoked or of a disabled tenant
   * @throws StoreUnavailableError
   */
  authenticate(apiKey: string): Promise<Tenant | undefined>;
}
