/** The name that the gateway traces under (`service.name` of OpenTelemetry): X-Ray's rules are for it alone. */
export const TRACED_SERVICE = 'charge-once-gateway';
