/** A PSP answered with something that is not what it promises to answer: nothing is concluded from it. */
export class UnreadableAnswerError extends Error {
  override readonly name = 'UnreadableAnswerError';
}
