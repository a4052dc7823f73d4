import type { GatewayEnvironment } from '#contract/environment';
import { TRACED_SERVICE } from '#contract/traced-service';

import { NO_TRACING } from './no-tracing.ts';
import { OtelTracing } from './otel-tracing.ts';
import type { Tracing } from './tracing.ts';

/** What a task traces with: nothing where it was told of no collector. `close` never rejects. */
export function taskTracing(
  environment: GatewayEnvironment,
  task: string,
): { readonly tracing: Tracing; readonly close: () => Promise<void> } {
  const {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    TRACE_SAMPLE_RATIO: sampleRatio,
    AWS_REGION: region,
  } = environment;
  if (endpoint === undefined) return { tracing: NO_TRACING, close: () => Promise.resolve() };
  const tracing = new OtelTracing({ service: TRACED_SERVICE, region, task, endpoint, sampleRatio });
  return { tracing, close: () => tracing.close() };
}
