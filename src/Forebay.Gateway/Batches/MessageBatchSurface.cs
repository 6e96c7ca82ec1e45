using System.Buffers;
using System.Text.Json;
using Forebay.Core.Batches;
using Forebay.Core.Errors;
using Forebay.Core.Serving;
using Forebay.Gateway.Bodies;
using Forebay.Gateway.Pipeline;
using Forebay.Protocols;
using Forebay.Protocols.Batches;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Batches;

/// <summary>Anthropic's message batches.</summary>
internal sealed class MessageBatchSurface(GatewayRuntime runtime, IBatchDesk desk, Uploads uploads)
{
    /// <summary>Largest body.</summary>
    public const long MaxBytes = 268_435_456;

    /// <summary>Most requests of one batch.</summary>
    public const int MaxRequests = 100_000;

    private const int FirstReadBytes = 64 * 1024;
    private const int MostTold = 25;

    public async Task<Failure> CreateAsync(Exchange x)
    {
        if (x.Http.Request.Headers[AnthropicVersion].Count == 0)
        {
            return new Failure(
                Reason.BadRequest, "anthropic-version: header is required, for example 2023-06-01.", AnthropicVersion);
        }

        return await uploads.TakeAsync(x, MaxBytes, (body, cancel) => CreateAsync(x, body, cancel));
    }

    public async Task<Failure> ListAsync(Exchange x)
    {
        IQueryCollection query = x.Http.Request.Query;
        Failure failure = BatchQuery.ReadLimit(query, 20, 1000, out int limit);
        if (!failure.IsNone)
        {
            return failure;
        }

        string? after = BatchQuery.Text(query, "after_id");
        string? before = BatchQuery.Text(query, "before_id");
        if (after is not null && before is not null)
        {
            return new Failure(Reason.BadRequest, "after_id and before_id: send one of them.", "after_id");
        }

        BatchPage<Batch> page = await desk.ListAsync(
            BatchHandler.CallerOf(x), BatchSurface.Messages, new BatchRange(limit, after, before),
            x.Http.RequestAborted);
        var json = new ArrayBufferWriter<byte>(1024);
        BatchObjects.WritePage(json, [.. page.Items.Select(b => ObjectOf(x, b))], page.HasMore);
        return await BatchHandler.SendAsync(x, json);
    }

    public async Task<Failure> ShowAsync(Exchange x, string id) => await SendAsync(
        x, await desk.FindAsync(BatchHandler.CallerOf(x), BatchSurface.Messages, id, x.Http.RequestAborted));

    public async Task<Failure> CancelAsync(Exchange x, string id)
    {
        Batch batch = await desk.CancelAsync(
            BatchHandler.CallerOf(x), BatchSurface.Messages, id, x.Http.RequestAborted);
        return await SendAsync(x, batch);
    }

    public async Task<Failure> DeleteAsync(Exchange x, string id)
    {
        await desk.DeleteAsync(BatchHandler.CallerOf(x), BatchSurface.Messages, id, x.Http.RequestAborted);
        var json = new ArrayBufferWriter<byte>(128);
        BatchObjects.WriteBatchDeleted(json, id);
        return await BatchHandler.SendAsync(x, json);
    }

    public async Task<Failure> ResultsAsync(Exchange x, string id)
    {
        using IContentReader results = await desk.OpenResultsAsync(
            BatchHandler.CallerOf(x), id, x.Http.RequestAborted);
        x.Http.Response.ContentType = "application/x-jsonl";
        if (HttpMethods.IsHead(x.Http.Request.Method))
        {
            return Failure.None;
        }

        await StreamAsync(x, results, static head => head.Kind == FrameKind.Settled, lines: true);
        return Failure.None;
    }

    /// <summary>Sends frames of a content as they are read.</summary>
    public static async Task StreamAsync(
        Exchange x, IContentReader content, Func<FrameHead, bool> isWanted, bool lines)
    {
        var output = new ArrayBufferWriter<byte>(FirstReadBytes);
        long position = 0;
        while (true)
        {
            await LongWork.ElsewhereAsync();
            bool more = content.TryRead(ref position, out FrameHead head, out byte[] frame);
            if (more && isWanted(head))
            {
                output.Write(frame);
                if (lines)
                {
                    output.Write("\n"u8);
                }
            }

            if (output.WrittenCount > 0 && (!more || output.WrittenCount >= FirstReadBytes))
            {
                await x.Http.Response.Body.WriteAsync(output.WrittenMemory, x.Http.RequestAborted);
                output.ResetWrittenCount();
            }

            if (!more)
            {
                return;
            }
        }
    }

    private const string AnthropicVersion = "anthropic-version";

    private async Task<Failure> CreateAsync(Exchange x, Stream body, CancellationToken cancel)
    {
        using IBatchDraft draft = await desk.DraftAsync(
            new BatchAsk(BatchHandler.CallerOf(x), BatchSurface.Messages, BatchHandler.MessagesEndpoint)
            {
                Headers = BatchHeaders.Of(x.Http.Request.Headers),
            },
            cancel);
        var intake = new Intake(draft, x.Settings.MaxBodyBytes);
        Failure failure = await ReadAsync(x, body, intake, cancel);
        failure = failure.IsNone ? intake.Verdict() : failure;
        return failure.IsNone ? await SendAsync(x, await draft.CommitAsync(cancel)) : failure;
    }

    private async Task<Failure> ReadAsync(Exchange x, Stream body, Intake intake, CancellationToken cancel)
    {
        using var buffer = new PooledBuffer(runtime.Memory, x.Settings.MemoryBudgetBytes);
        var reader = new MessageBatchReader();
        try
        {
            while (true)
            {
                bool ended = !await FillAsync(body, buffer, cancel);
                await LongWork.ElsewhereAsync();
                int at = 0;
                MessageBatchStep step;
                do
                {
                    ReadOnlyMemory<byte> rest = buffer.WrittenMemory[at..];
                    step = reader.Read(rest.Span, ended, out int consumed, out ByteRange request);
                    at += consumed;
                    if (step == MessageBatchStep.Request)
                    {
                        intake.Take(rest.Slice(request.Start, request.Length));
                    }
                }
                while (step == MessageBatchStep.Request);
                if (step == MessageBatchStep.End)
                {
                    return Failure.None;
                }

                buffer.Consume(at);
                if (intake.IsTooLong(buffer.Length))
                {
                    return intake.Verdict();
                }
            }
        }
        catch (JsonException e)
        {
            return new Failure(Reason.BadRequest, WordsOf(e));
        }
        catch (OutOfBudgetException)
        {
            return new Failure(
                Reason.MemoryBudget, "The server holds as many request bytes as it may; try again shortly.", null, 1);
        }
    }

    /// <summary>The parser's own words name a place in the bytes it saw last, which means nothing to a client.
    /// </summary>
    private static string WordsOf(JsonException e) => e.BytePositionInLine is null
        ? e.Message
        : "The body is not valid JSON: check for cut-off text, stray commas and unescaped characters.";

    /// <summary>Reads as much again as is there: what was looked at in vain is looked at again only then.</summary>
    private static async ValueTask<bool> FillAsync(Stream body, PooledBuffer buffer, CancellationToken cancel)
    {
        int wanted = Math.Max(FirstReadBytes, buffer.Length);
        if (!buffer.TryReserve(wanted))
        {
            throw new OutOfBudgetException();
        }

        for (int filled = 0; filled < wanted;)
        {
            int read = await body.ReadAsync(buffer.Free[..(wanted - filled)], cancel);
            if (read == 0)
            {
                return false;
            }

            buffer.Advance(read);
            filled += read;
        }

        return true;
    }

    private static async Task<Failure> SendAsync(Exchange x, Batch batch)
    {
        var json = new ArrayBufferWriter<byte>(512);
        BatchObjects.Write(json, ObjectOf(x, batch));
        return await BatchHandler.SendAsync(x, json);
    }

    private static MessageBatchObject ObjectOf(Exchange x, Batch b)
    {
        // All stay in processing until the whole batch has ended, as at the vendor's.
        bool ended = b.IsOver;
        BatchCounts counts = ended ? b.Counts : default;
        return new MessageBatchObject(
            b.Id,
            ended ? "ended" : b.CancelUnixMs is not null ? "canceling" : "in_progress",
            b.CreatedUnixMs,
            b.ExpiresUnixMs)
        {
            Processing = ended ? 0 : b.Total,
            Succeeded = counts.Succeeded,
            Errored = counts.Errored,
            Canceled = counts.Cancelled,
            Expired = counts.Expired,
            EndedMs = b.EndedUnixMs,
            CancelMs = b.CancelUnixMs,
            ArchivedMs = b.ArchivedUnixMs,
            ResultsUrl = b.Phase == BatchPhase.Ended
                ? $"{Origin(x)}{BatchHandler.MessageBatches}/{b.Id}/results"
                : null,
        };
    }

    /// <summary>Where clients reach this server. They call the address as it is told, with their own credential.
    /// </summary>
    private static string Origin(Exchange x) => x.Fleet.Config.Server.Batches.PublicUrl is { } url
        ? url.GetLeftPart(UriPartial.Path).TrimEnd('/')
        : $"{x.Http.Request.Scheme}://{x.Http.Request.Host.Value}";

    /// <summary>There is no memory for what came.</summary>
    private sealed class OutOfBudgetException : Exception;

    /// <summary>Checks the requests of a batch and adds them; tells of every bad one.</summary>
    private sealed class Intake(IBatchDraft draft, int maxBytes)
    {
        private readonly Dictionary<string, int> _names = new(StringComparer.Ordinal);
        private readonly List<string> _problems = [];
        private int _count;
        private int _bad;

        public void Take(ReadOnlyMemory<byte> request)
        {
            int index = _count++;
            if (_count > MaxRequests)
            {
                return;
            }

            string? problem = Check(request, out BatchItem item);
            if (problem is not null)
            {
                Add($"requests.{index}{problem}");
            }
            else if (!_names.TryAdd(item.CustomId, index))
            {
                Add($"requests.{index}.custom_id: requests.{_names[item.CustomId]} has the same");
            }
            else if (_bad == 0)
            {
                draft.Add(item);
            }
        }

        /// <summary>Whether the request in hand is longer than one may be, before it has come whole.</summary>
        public bool IsTooLong(int bytes)
        {
            if (bytes <= maxBytes + FirstReadBytes)
            {
                return false;
            }

            Add($"requests.{_count}.params: larger than {maxBytes:N0} bytes");
            return true;
        }

        public Failure Verdict()
        {
            if (_count > MaxRequests)
            {
                Add($"requests: List should have at most {MaxRequests:N0} items");
            }
            else if (_count == 0 && _bad == 0)
            {
                Add("requests: List should have at least 1 item");
            }

            return _bad == 0
                ? Failure.None
                : new Failure(
                    Reason.BadRequest,
                    string.Join("; ", _problems)
                        + (_bad > _problems.Count ? $"; and {_bad - _problems.Count:N0} more" : ""),
                    "requests");
        }

        private string? Check(ReadOnlyMemory<byte> request, out BatchItem item)
        {
            item = default;
            try
            {
                if (!MessageBatchRequest.TryRead(request.Span, out MessageBatchRequest read, out string? problem))
                {
                    return problem;
                }

                ReadOnlyMemory<byte> body = request.Slice(read.Params.Start, read.Params.Length);
                if (body.Length > maxBytes)
                {
                    return $".params: larger than {maxBytes:N0} bytes";
                }

                string? bad = BatchWire.Check(
                    new ItemKind(Dialect.Anthropic), body.Span, out RequestFacts facts, out _);
                item = new BatchItem(read.CustomId, facts.Model ?? "", body);
                return bad is null ? null : ".params." + bad;
            }
            catch (InvalidOperationException)
            {
                return ": holds half a surrogate pair, which is no text";
            }
        }

        private void Add(string problem)
        {
            _bad++;
            if (_problems.Count < MostTold)
            {
                _problems.Add(problem);
            }
        }
    }
}
