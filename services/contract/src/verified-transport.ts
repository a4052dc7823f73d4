/** A variable that would let a process of production speak to something that it has not verified. */
export interface UnverifiedTransport {
  readonly name: string;
  readonly message: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** The collector of traces runs beside the task, in the same network namespace: nothing leaves the machine. */
const OF_THE_SAME_TASK = 'OTEL_EXPORTER_OTLP_ENDPOINT';
/** What the AWS SDK reads besides the contract's variables. */
const SDK_ENDPOINT = /^AWS_ENDPOINT_URL(_|$)/;
const PLAIN_HTTP = /(^|,)\s*http:/i;
const POSTGRES = /(^|,)\s*postgres(ql)?:/i;

/**
 * Every hop of production is TLS with the server's certificate and name verified. Names what would undo that: plain
 * HTTP in a variable of the process or in an endpoint of the AWS SDK, a PostgreSQL URL that asks for less than
 * `verify-full`, and Node's own switch that turns verification off for all of them.
 *
 * @param names the variables that the process reads
 */
export function unverifiedTransports(names: readonly string[], variables: Variables): UnverifiedTransport[] {
  const read = [...names, ...Object.keys(variables).filter((name) => SDK_ENDPOINT.test(name))];
  const found: UnverifiedTransport[] = [];
  for (const name of new Set(read)) {
    const value = variables[name] ?? '';
    if (PLAIN_HTTP.test(value) && !(name === OF_THE_SAME_TASK && isLoopback(value))) {
      found.push({ name, message: 'must be https in production' });
    }
    if (POSTGRES.test(value) && value.split(',').some(isUnverifiedDatabase)) {
      found.push({ name, message: 'must ask for no other sslmode than verify-full' });
    }
  }
  if (variables.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    found.push({ name: 'NODE_TLS_REJECT_UNAUTHORIZED', message: 'must not be off in production' });
  }
  return found;
}

/** Whether a URL leads to this machine. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** Whether a PostgreSQL URL asks for a connection that is not verified. Without a say, ours are. */
export function isUnverifiedDatabase(databaseUrl: string): boolean {
  if (!URL.canParse(databaseUrl.trim())) return false;
  const { searchParams } = new URL(databaseUrl.trim());
  const mode = searchParams.get('sslmode') ?? 'verify-full';
  return mode !== 'verify-full' || searchParams.has('ssl');
}
