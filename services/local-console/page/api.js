/** @import {ConsoleView} from '../src/console-view.ts' */
/** @import {ScenarioGroup} from '../src/scenarios.ts' */

/**
 * @typedef {object} Choices
 * @property {readonly {tenantId: string, pspName: string}[]} tenants
 * @property {readonly ScenarioGroup[]} scenarioGroups
 * @property {readonly string[]} pspFaults
 */

/** What is after `#` in the address: the browser sends it to nobody by itself. */
const token = location.hash.slice(1);

/** The console did not do what it was asked for; the message is for the person who asked. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status of the answer; 0 where there was none
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {object} [body] absent: it is read only
 * @returns {Promise<any>}
 */
async function call(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError('The local run does not answer. Is it still running?', 0);
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(String(answer.error ?? response.statusText), response.status);
  return answer;
}

/** @returns {Promise<Choices>} */
export const readChoices = () => call('/api/choices');

/**
 * @param {string | undefined} chargeId the charge to show in full
 * @returns {Promise<ConsoleView>}
 */
export const readView = (chargeId) =>
  call(chargeId === undefined ? '/api/view' : `/api/view?charge=${chargeId}`);

/**
 * @param {object} charge
 * @returns {Promise<{id: string}>}
 */
export const sendCharge = (charge) => call('/api/charges', charge);

/**
 * @param {string} chargeId
 * @param {{copies: number, amountMinor?: number}} options
 */
export const repeatCharge = (chargeId, options) => call(`/api/charges/${chargeId}/repeat`, options);

/** @param {string} chargeId */
export const killTaskOfCharge = (chargeId) => call(`/api/charges/${chargeId}/kill`, {});

/** @param {{name: string, pid: number}} task */
export const killTask = (task) => call('/api/tasks/kill', task);

/** @param {string} fault */
export const setPspFault = (fault) => call('/api/psp-fault', { fault });

export const verifyArchive = () => call('/api/verification', {});
