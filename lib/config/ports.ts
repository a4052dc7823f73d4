/** TLS from clients to the load balancer, and from everything of ours to AWS and the PSPs. */
export const HTTPS_PORT = 443;
/** TLS from the load balancer to the gateway's tasks; above 1023, so that the process needs no privilege. */
export const GATEWAY_PORT = 8_443;
export const POSTGRES_PORT = 5_432;

/** Where the collector beside the gateway takes spans: the task's loopback. */
export const OTLP_ENDPOINT = '127.0.0.1:4318';
