import { PROBLEMS, problemType, type ProblemSlug } from '#contract/problem-types';

/** One thing that is wrong with a request; `field` is a member of the body, dotted, or a header. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

export interface ProblemOptions {
  /** What is particular to this occurrence; the meaning of the problem where absent. */
  readonly detail?: string;
  readonly errors?: readonly FieldError[];
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Ends a request with one of the catalogued problems. Whatever it holds is shown to the client. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly slug: ProblemSlug;
  readonly options: ProblemOptions;

  constructor(slug: ProblemSlug, options: ProblemOptions = {}) {
    super(options.detail ?? PROBLEMS[slug].title);
    this.slug = slug;
    this.options = options;
  }
}

/** A request that is wrong in the given fields, or headers; the detail names each of them. */
export function fieldProblem(slug: ProblemSlug, errors: readonly FieldError[]): ProblemError {
  const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
  return new ProblemError(slug, { detail, errors });
}

/** An RFC 9457 problem as it goes out. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly errors?: readonly FieldError[];
}

/** The body of a problem; `instance` names the request, which its log line does as well. */
export function problemBody(slug: ProblemSlug, requestId: string, options: ProblemOptions = {}): ProblemBody {
  const { status, title, meaning } = PROBLEMS[slug];
  return {
    type: problemType(slug),
    title,
    status,
    detail: options.detail ?? meaning,
    instance: `urn:charge-once:request:${requestId}`,
    ...(options.errors === undefined ? {} : { errors: options.errors }),
  };
}
