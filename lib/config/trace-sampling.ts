/** Share of the requests that X-Ray keeps: at 50,000 a second, 250 traces a second. */
export const TRACE_SAMPLING_RATE = 0.005;

/** The name that the gateway traces under (`service.name` of OpenTelemetry): the rules are for it alone. */
export const TRACED_SERVICE = 'charge-once-gateway';
