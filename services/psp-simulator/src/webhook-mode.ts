/**
 * How webhooks are sent. `normal`: at once, beside the answer. `late`: some seconds after it. `twice`: each event two
 * times. `reordered`: what says that a charge was made comes late, after what undoes it. `before_answer`: the answer to the call that
 * caused them waits until they are delivered. `off`: never.
 */
export const WEBHOOK_MODES = ['normal', 'late', 'twice', 'reordered', 'before_answer', 'off'] as const;

export type WebhookMode = (typeof WEBHOOK_MODES)[number];
