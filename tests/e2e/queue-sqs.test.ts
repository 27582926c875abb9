import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListDeadLetterSourceQueuesCommand,
  ListQueuesCommand,
  PurgeQueueCommand,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
  TagQueueCommand,
  type SQSClientConfig,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, type Session } from "../../sdk/src/index.ts";
import { testHost, type TestHost } from "../support/host.ts";

let host: TestHost;
let session: Session;
/** Of a key that holds queue, and nothing else. */
let mine: Session;
let credentials: { accessKeyId: string; secretAccessKey: string };
let sqs: SQSClient;

const clientOf = (given: typeof credentials, config: SQSClientConfig = {}) =>
  new SQSClient({ endpoint: `${host.url}/sqs`, region: "do", credentials: { ...given }, maxAttempts: 1, ...config });

async function keyWith(permissions: string[]) {
  const { key, id } = await session.auth.createApiKey("sqs", permissions);
  const own = connect(host.url, key);
  return { id, key, own, credentials: await own.queue.sqsCredentials() };
}

beforeAll(async () => {
  host = await testHost();
  session = connect(host.url, host.rootKey);
  ({ own: mine, credentials } = await keyWith(["queue:*"]));
  sqs = clientOf(credentials);
});
afterAll(async () => {
  sqs.destroy();
  await host.stop();
});

async function newQueue(name: string, Attributes?: Record<string, string>): Promise<string> {
  const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: name, ...(Attributes ? { Attributes } : {}) }));
  return QueueUrl;
}

async function receive(QueueUrl: string, options: Partial<ConstructorParameters<typeof ReceiveMessageCommand>[0]> = {}) {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, ...options }));
  return Messages;
}

describe("SQS, with the AWS SDK", () => {
  it("makes queues, finds them, changes and deletes them", async () => {
    const url = await newQueue("made", { VisibilityTimeout: "7", DelaySeconds: "1" });
    expect(url).toBe(`${host.url}/sqs/root/made`);
    expect(await newQueue("made")).toBe(url);
    await expect(newQueue("made", { VisibilityTimeout: "8" })).rejects.toMatchObject({ name: "QueueNameExists" });
    expect((await sqs.send(new GetQueueUrlCommand({ QueueName: "made" }))).QueueUrl).toBe(url);
    expect((await sqs.send(new ListQueuesCommand({ QueueNamePrefix: "mad" }))).QueueUrls).toEqual([url]);
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: { VisibilityTimeout: "9", MessageRetentionPeriod: "60" } }));
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }));
    expect(Attributes).toMatchObject({
      QueueArn: "arn:aws:sqs:do:root:made",
      VisibilityTimeout: "9",
      MessageRetentionPeriod: "60",
      DelaySeconds: "1",
      MaximumMessageSize: "262144",
      ApproximateNumberOfMessages: "0",
    });
    await sqs.send(new DeleteQueueCommand({ QueueUrl: url }));
    await expect(sqs.send(new GetQueueUrlCommand({ QueueName: "made" }))).rejects.toThrow(QueueDoesNotExist);
  });

  it("sends, receives and deletes, with attributes whose digests it checks itself", async () => {
    const QueueUrl = await newQueue("plain");
    const sent = await sqs.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: "héllo ✓",
        MessageAttributes: {
          text: { DataType: "String", StringValue: "a" },
          count: { DataType: "Number.int", StringValue: "7" },
          bytes: { DataType: "Binary", BinaryValue: new Uint8Array([0, 255, 1]) },
        },
      }),
    );
    expect(sent.MessageId).toMatch(/^msg_/);
    const [message] = await receive(QueueUrl, { MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"] });
    expect(message).toMatchObject({
      MessageId: sent.MessageId,
      Body: "héllo ✓",
      MD5OfMessageAttributes: sent.MD5OfMessageAttributes,
      MessageAttributes: {
        text: { DataType: "String", StringValue: "a" },
        count: { DataType: "Number.int", StringValue: "7" },
        bytes: { DataType: "Binary", BinaryValue: new Uint8Array([0, 255, 1]) },
      },
      Attributes: { ApproximateReceiveCount: "1", SentTimestamp: expect.stringMatching(/^\d{13}$/) },
    });
    const names = await receive(QueueUrl);
    expect(names).toEqual([]);
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }));
    expect(await mine.queue.stats("plain")).toMatchObject({ ready: 0, inFlight: 0, totals: { acked: 1 } });
  });

  it("sends and deletes in batches, with what could not be done listed", async () => {
    const QueueUrl = await newQueue("batch", { MaximumMessageSize: "1024" });
    const { Successful, Failed } = await sqs.send(
      new SendMessageBatchCommand({
        QueueUrl,
        Entries: [
          { Id: "a", MessageBody: "1" },
          { Id: "b", MessageBody: "x".repeat(1_025) },
          { Id: "c", MessageBody: "3", DelaySeconds: 900 },
        ],
      }),
    );
    expect(Successful?.map(({ Id }) => Id)).toEqual(["a", "c"]);
    expect(Failed).toMatchObject([{ Id: "b", SenderFault: true, Code: "InvalidParameterValue" }]);
    const [message] = await receive(QueueUrl);
    const deleted = await sqs.send(
      new DeleteMessageBatchCommand({
        QueueUrl,
        Entries: [
          { Id: "x", ReceiptHandle: message?.ReceiptHandle },
          { Id: "y", ReceiptHandle: "nonsense" },
        ],
      }),
    );
    expect(deleted).toMatchObject({ Successful: [{ Id: "x" }], Failed: [{ Id: "y", Code: "ReceiptHandleIsInvalid" }] });
  });

  it("changes visibility: longer, over at once, of many", async () => {
    const QueueUrl = await newQueue("visible");
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "1" }));
    const [{ ReceiptHandle } = { ReceiptHandle: "" }] = await receive(QueueUrl, { VisibilityTimeout: 30 });
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    const [again] = await receive(QueueUrl, { MessageSystemAttributeNames: ["ApproximateReceiveCount"] });
    expect(again?.Attributes).toEqual({ ApproximateReceiveCount: "2" });
    await expect(sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 5 }))).rejects.toMatchObject({
      name: "MessageNotInflight",
    });
    const changed = await sqs.send(
      new ChangeMessageVisibilityBatchCommand({
        QueueUrl,
        Entries: [
          { Id: "a", ReceiptHandle: again?.ReceiptHandle, VisibilityTimeout: 60 },
          { Id: "b", ReceiptHandle, VisibilityTimeout: 60 },
        ],
      }),
    );
    expect(changed).toMatchObject({ Successful: [{ Id: "a" }], Failed: [{ Id: "b", Code: "MessageNotInflight" }] });
  });

  it("waits for a message, and purges", async () => {
    const QueueUrl = await newQueue("waited");
    const waiting = receive(QueueUrl, { WaitTimeSeconds: 20 });
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "at last" }));
    expect((await waiting).map(({ Body }) => Body)).toEqual(["at last"]);
    await sqs.send(new PurgeQueueCommand({ QueueUrl }));
    expect(await mine.queue.stats("waited")).toMatchObject({ ready: 0, inFlight: 0 });
  });

  it("FIFO: groups in order, duplicates once, each with an id or by content", async () => {
    const QueueUrl = await newQueue("line.fifo", { FifoQueue: "true" });
    const send = (MessageBody: string, MessageGroupId: string | undefined, MessageDeduplicationId: string | undefined) =>
      sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId, MessageDeduplicationId }));
    const first = await send("a1", "a", "1");
    expect((await send("a1 again", "a", "1")).MessageId).toBe(first.MessageId);
    await send("a2", "a", "2");
    await send("b1", "b", "3");
    const taken = await receive(QueueUrl, { MessageSystemAttributeNames: ["All"] });
    expect(taken.map(({ Body }) => Body)).toEqual(["a1", "b1"]);
    expect(taken[0]?.Attributes).toMatchObject({ MessageGroupId: "a", MessageDeduplicationId: "1" });
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: taken[0]?.ReceiptHandle }));
    expect((await receive(QueueUrl)).map(({ Body }) => Body)).toEqual(["a2"]);
    await expect(send("x", "a", undefined)).rejects.toMatchObject({ name: "InvalidParameterValue" });
    await expect(send("x", undefined, "9")).rejects.toMatchObject({ name: "MissingParameter" });
    await expect(newQueue("line", { FifoQueue: "true" })).rejects.toMatchObject({ name: "InvalidParameterValue" });
    const byContent = await newQueue("content.fifo", { FifoQueue: "true", ContentBasedDeduplication: "true" });
    const twice = () => sqs.send(new SendMessageCommand({ QueueUrl: byContent, MessageBody: "same", MessageGroupId: "g" }));
    expect((await twice()).MessageId).toBe((await twice()).MessageId);
  });

  it("a redrive policy sends what fails away, and a move task brings it back", async () => {
    const dead = await newQueue("dead-letters");
    const QueueUrl = await newQueue("tried", {
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: "arn:aws:sqs:do:root:dead-letters", maxReceiveCount: 2 }),
    });
    expect((await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["RedrivePolicy"] }))).Attributes).toEqual({
      RedrivePolicy: '{"deadLetterTargetArn":"arn:aws:sqs:do:root:dead-letters","maxReceiveCount":2}',
    });
    expect((await sqs.send(new ListDeadLetterSourceQueuesCommand({ QueueUrl: dead }))).queueUrls).toEqual([QueueUrl]);
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "poison" }));
    for (let i = 0; i < 2; i++) expect(await receive(QueueUrl, { VisibilityTimeout: 0 })).toHaveLength(1);
    expect(await receive(QueueUrl)).toEqual([]);
    await sqs.send(new StartMessageMoveTaskCommand({ SourceArn: "arn:aws:sqs:do:root:dead-letters" }));
    expect((await receive(QueueUrl)).map(({ Body }) => Body)).toEqual(["poison"]);
  });

  it("what other doors have sent is text here, JSON as its text", async () => {
    const QueueUrl = await newQueue("mixed");
    await mine.queue.send("mixed", { n: 1 });
    await mine.queue.send("mixed", "text");
    expect((await receive(QueueUrl)).map(({ Body }) => Body)).toEqual(['{"n":1}', "text"]);
  });
});

describe("limits of SQS", () => {
  let QueueUrl: string;
  beforeAll(async () => {
    QueueUrl = await newQueue("limits");
  });
  const entries = (n: number) => Array.from({ length: n }, (_, i) => ({ Id: `e${i}`, MessageBody: "x" }));
  it.each<[string, (n: number) => object, number, string]>([
    ["seconds of a delay", (n) => new SendMessageCommand({ QueueUrl, MessageBody: "x", DelaySeconds: n }), 900, "InvalidParameterValue"],
    ["bytes of a message", (n) => new SendMessageCommand({ QueueUrl, MessageBody: "x".repeat(n) }), 262_144, "InvalidParameterValue"],
    ["entries of a batch", (n) => new SendMessageBatchCommand({ QueueUrl, Entries: entries(n) }), 10, "TooManyEntriesInBatchRequest"],
    ["messages of a receive", (n) => new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: n }), 10, "InvalidParameterValue"],
    ["seconds of visibility", (n) => new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: n }), 43_200, "InvalidParameterValue"],
  ])("%s", async (_what, command, limit, name) => {
    await sqs.send(command(limit) as SendMessageCommand);
    await expect(sqs.send(command(limit + 1) as SendMessageCommand)).rejects.toMatchObject({ name });
  });

  it.each<[string, () => object, string]>([
    ["no entries", () => new SendMessageBatchCommand({ QueueUrl, Entries: [] }), "EmptyBatchRequest"],
    [
      "ids that are the same",
      () => new SendMessageBatchCommand({ QueueUrl, Entries: [...entries(1), ...entries(1)] }),
      "BatchEntryIdsNotDistinct",
    ],
    [
      "an id with spaces",
      () => new SendMessageBatchCommand({ QueueUrl, Entries: [{ Id: "a b", MessageBody: "x" }] }),
      "InvalidBatchEntryId",
    ],
    ["no body", () => new SendMessageCommand({ QueueUrl, MessageBody: "" }), "InvalidParameterValue"],
    ["control characters", () => new SendMessageCommand({ QueueUrl, MessageBody: "\u0001" }), "InvalidMessageContents"],
    [
      "an unknown attribute",
      () => new SetQueueAttributesCommand({ QueueUrl, Attributes: { Colour: "red" } as never }),
      "InvalidAttributeName",
    ],
    [
      "a value of another kind",
      () => new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout: "long" } }),
      "InvalidAttributeValue",
    ],
    ["a receipt that is none", () => new DeleteMessageCommand({ QueueUrl, ReceiptHandle: "x" }), "ReceiptHandleIsInvalid"],
    [
      "a queue of another account",
      () => new SendMessageCommand({ QueueUrl: `${host.url}/sqs/other/limits`, MessageBody: "x" }),
      "QueueDoesNotExist",
    ],
    ["an action that is not supported", () => new TagQueueCommand({ QueueUrl, Tags: { a: "b" } }), "UnsupportedOperation"],
  ])("%s", async (_what, command, name) => {
    await expect(sqs.send(command() as SendMessageCommand)).rejects.toMatchObject({ name });
  });
});

describe("who signs", () => {
  const list = (client: SQSClient) => client.send(new ListQueuesCommand({}));

  it("is the API key, as long as that is good, with what it may of queue", async () => {
    const { id, credentials: own, own: itself } = await keyWith(["queue:read"]);
    const client = clientOf(own);
    await list(client);
    await expect(client.send(new CreateQueueCommand({ QueueName: "no" }))).rejects.toMatchObject({
      name: "AccessDeniedException",
      $metadata: { httpStatusCode: 403 },
    });
    // The same each time; not the key, and nothing of it.
    expect(await itself.queue.sqsCredentials()).toEqual(own);
    await session.auth.revokeApiKey(id);
    await expect(list(client)).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
  });

  it("is not who has another secret, another key, or another clock", async () => {
    await expect(list(clientOf({ ...credentials, secretAccessKey: `${credentials.secretAccessKey}x` }))).rejects.toMatchObject({
      name: "SignatureDoesNotMatch",
    });
    const other = await keyWith(["queue:*"]);
    await expect(list(clientOf({ ...credentials, accessKeyId: other.credentials.accessKeyId }))).rejects.toMatchObject({
      name: "SignatureDoesNotMatch",
    });
    await expect(list(clientOf({ ...credentials, accessKeyId: "AKIDEXAMPLE123456" }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 403 },
    });
    await list(clientOf(credentials, { systemClockOffset: 14 * 60_000 }));
    await expect(list(clientOf(credentials, { systemClockOffset: 16 * 60_000 }))).rejects.toMatchObject({ name: "RequestExpired" });
  });

  it("has signed the body, the target and every header of Amazon", async () => {
    const seen: { url: string; headers: Record<string, string>; body: string }[] = [];
    const recording = clientOf(credentials);
    recording.middlewareStack.add(
      (next) => (args) => {
        const request = args.request as { path: string; headers: Record<string, string>; body: string };
        seen.push({ url: host.url + request.path, headers: { ...request.headers }, body: request.body });
        return next(args);
      },
      { step: "deserialize", name: "record", priority: "low" },
    );
    await list(recording);
    const [{ url, headers, body } = { url: "", headers: {}, body: "" }] = seen;
    const again = (changes: { headers?: Record<string, string>; body?: string }) =>
      fetch(url, { method: "POST", headers: { ...headers, ...changes.headers }, body: changes.body ?? body }).then(({ status }) => status);
    delete headers["host"];
    delete headers["content-length"];
    expect(await again({})).toBe(200);
    expect(await again({ body: '{"MaxResults":1}' })).toBe(403);
    expect(await again({ headers: { "x-amz-target": "AmazonSQS.CreateQueue" } })).toBe(403);
    expect(await again({ headers: { "x-amz-security-token": "more" } })).toBe(403);
    // A signature opens this door and no other.
    const elsewhere = await fetch(`${host.url}/rpc/queue/list`, { method: "POST", headers, body: "{}" });
    expect(elsewhere.status).toBe(401);
    expect((await fetch(`${host.url}/sqs`, { method: "POST", body: "{}" })).status).toBe(403);
  });

  it("is never code, and nobody without an API key", async () => {
    await expect(session.queue.sqsCredentials()).rejects.toMatchObject({ code: "UNSUPPORTED", reason: "NO_API_KEY" });
    const { own } = await keyWith(["queue:*", "executions:*"]);
    expect((await own.execute({ code: `return queue.sqsCredentials().catch((e) => e.code)` })).result).toBe("PERMISSION_DENIED");
  });
});
