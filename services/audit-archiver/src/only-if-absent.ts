import { HeadObjectCommand, PutObjectCommand, S3ServiceException, type S3Client } from '@aws-sdk/client-s3';

/**
 * For a server of S3 that does not know `If-None-Match` on a write: the condition is asked before it. Safe only where
 * nobody else writes, as in the local run.
 */
export function askBeforeWriting(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const { Bucket, Key, IfNoneMatch } = args.input as {
        Bucket?: string;
        Key?: string;
        IfNoneMatch?: string;
      };
      const isConditional = context.commandName === PutObjectCommand.name && IfNoneMatch === '*';
      if (isConditional && (await stands(client, Bucket, Key))) {
        throw new S3ServiceException({ name: 'PreconditionFailed', $fault: 'client', $metadata: {} });
      }
      return next(args);
    },
    { step: 'initialize' },
  );
}

async function stands(
  client: S3Client,
  bucket: string | undefined,
  key: string | undefined,
): Promise<boolean> {
  try {
    await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    return true;
  } catch (error) {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return false;
    throw error;
  }
}
