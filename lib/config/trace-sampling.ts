/** Share of the requests that X-Ray keeps: at 50,000 a second, 250 traces a second. */
export const TRACE_SAMPLING_RATE = 0.005;
